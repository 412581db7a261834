"""Transitions and notices of alerts, for the tests of notifications."""

from datetime import UTC, datetime
from typing import Any

from services.monitor.alerts.transition import Transition
from services.monitor.notifications.content import AlertNotice, Content
from shared.messages import sentence

NOON = datetime(2031, 7, 7, 12, tzinfo=UTC)
"""A Monday."""


def transition(alert: str = "a", state: str = "firing", **changes: Any) -> Transition:
    """A transition of the alert `alert-<alert>` of the tenant acme at noon."""
    values: dict[str, Any] = {
        "alert_id": f"alert-{alert}",
        "fingerprint": f"{alert:0>32}",
        "tenant_id": "acme",
        "name": "high_cpu_usage",
        "severity": "warning",
        "state": state,
        "at": NOON,
        "value": 93.25,
        "condition": "cpu_usage > 80",
        "summary": sentence("alert-test", "cpu_usage is {value}", value="93.25"),
        "labels": {"team": "voice"},
        "runbook": "https://runbooks.example.com/cpu",
    }
    return Transition(**{**values, **changes})


def notice(alert: str = "a", **changes: Any) -> AlertNotice:
    """What a receiver is told of a firing alert."""
    values: dict[str, Any] = {
        "alert_id": f"alert-{alert}",
        "fingerprint": f"{alert:0>32}",
        "tenant_id": "acme",
        "name": "high_cpu_usage",
        "severity": "critical",
        "status": "firing",
        "reason": "fired",
        "at": NOON,
        "starts_at": NOON,
        "value": 93.25,
        "condition": "cpu_usage > 80",
        "summary": "cpu_usage is 93.25",
        "labels": {"team": "voice"},
        "runbook": "https://runbooks.example.com/cpu",
        "incident_id": "incident-0123456789ab",
    }
    return AlertNotice(**{**values, **changes})


def content(*notices: AlertNotice, mode: str = "production") -> Content:
    """A notification."""
    return Content(
        notification_id="ntf-0123456789abcdef",
        receiver="oncall",
        mode=mode,
        created_at=NOON,
        alerts=notices or (notice(),),
    )

"""What a receiver is told of an alert, and when its group is due. The time is an argument."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.monitor.alerts.transition import Transition
from services.monitor.notifications.content import AlertNotice, Reason
from services.monitor.notifications.follow_up import first_follow_up
from services.monitor.notifications.quiet_hours import quiet_until
from shared.rpc.receivers import Channel, ReceiverSpec


def fired_notice(transition: Transition) -> AlertNotice:
    """Of an alert that has begun to fire."""
    return AlertNotice(
        alert_id=transition.alert_id,
        fingerprint=transition.fingerprint,
        tenant_id=transition.tenant_id,
        name=transition.name,
        severity=transition.severity,
        status="firing",
        reason="fired",
        at=transition.at,
        starts_at=transition.at,
        value=transition.value,
        condition=transition.condition,
        summary=transition.summary.english,
        labels=dict(transition.labels),
        runbook=transition.runbook,
        incident_id=transition.incident_id,
    )


def resolved_notice(fired: AlertNotice, transition: Transition) -> AlertNotice:
    """Of an alert that is resolved, for a receiver that was told `fired`."""
    changes = {
        "status": "resolved",
        "reason": "resolved",
        "at": transition.at,
        "value": transition.value,
        "summary": transition.summary.english,
        "incident_id": transition.incident_id or fired.incident_id,
    }
    return fired.model_copy(update=changes)


def again(fired: AlertNotice, reason: Reason) -> AlertNotice:
    """Of an alert that still fires."""
    return fired.model_copy(update={"reason": reason})


def pending_row(receiver_id: str, spec: ReceiverSpec, notice: AlertNotice, now: datetime) -> dict[str, Any]:
    """The row of `pending_notices`, with times as texts."""
    held = quiet_until(spec.quiet_hours, notice.severity, now)
    due = now + timedelta(seconds=spec.group_seconds)
    due = due if held is None else max(due, held)
    return {
        "receiver_id": receiver_id,
        "alert_id": notice.alert_id,
        "tenant": notice.tenant_id,
        "group_key": group_key(spec, notice),
        "notice": notice.model_dump(mode="json"),
        "due_at": due.isoformat(),
        "held_until": None if held is None else held.isoformat(),
    }


def repeat_row(receiver_id: str, spec: ReceiverSpec, fired: AlertNotice, now: datetime) -> dict[str, Any]:
    """The row of a reminder.

    One for Alertmanager waits neither for its group nor for the end of quiet hours: it would take the alert for
    resolved meanwhile.
    """
    if spec.type is Channel.ALERTMANAGER:
        spec = spec.model_copy(update={"group_seconds": 0.0, "quiet_hours": None})
    return pending_row(receiver_id, spec, again(fired, "repeated"), now)


def told_row(receiver_id: str, spec: ReceiverSpec, notice: AlertNotice, now: datetime) -> dict[str, Any]:
    """The same row, with the times of `notified_alerts`: when the alert is to be repeated and escalated."""
    found = first_follow_up(spec, now)
    return pending_row(receiver_id, spec, notice, now) | {
        "repeat_at": None if found.repeat_at is None else found.repeat_at.isoformat(),
        "escalate_at": None if found.escalate_at is None else found.escalate_at.isoformat(),
    }


def group_key(spec: ReceiverSpec, notice: AlertNotice) -> str:
    """The values of the labels that the receiver groups by, as JSON."""
    own: Mapping[str, str] = {"tenant_id": notice.tenant_id, "name": notice.name, "severity": notice.severity}
    return orjson.dumps([own.get(each, notice.labels.get(each, "")) for each in spec.group_by]).decode()

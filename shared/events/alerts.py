"""Alerts and incidents: what the monitor found wrong with a tenant, and what became of it."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.events.base import Event
from shared.messages import Message
from shared.subjects import Subject


class AlertEvent(Event):
    """The fields of both alert events. A later one of the same alert replaces the one before."""

    alert_id: str
    """One firing of an alert; the next one has another id."""
    fingerprint: str
    """Of tenant, name and labels: the same for each firing."""
    name: str
    """The rule's name."""
    severity: Literal["critical", "warning", "info"]
    type: str
    """The kind of trouble: `resource_usage`, `error_budget_burn`, `monitoring_missing`, `custom`, ..."""
    message: str
    message_id: Message | None = None
    """What `message` is translated from."""
    metric: str
    """Of the condition's first comparison that holds, as the next two."""
    current_value: float | None = None
    """None without data."""
    threshold: float | None = None
    condition: str
    labels: dict[str, str] = Field(default_factory=dict)
    runbook: str | None = None
    muted_by: str | None = None
    """The silence or maintenance window that mutes it."""
    incident_id: str | None = None
    inhibited_by: str | None = None
    """The fingerprint of the alert that explains this one."""
    time: AwareDatetime
    """When it began to fire, or was resolved."""


class AlertRaised(AlertEvent):
    """An alert has begun to fire, or its marks have changed while it fires."""

    subject = Subject.ALERT_RAISED


class AlertResolved(AlertEvent):
    """An alert that fired is resolved."""

    subject = Subject.ALERT_RESOLVED


class IncidentEvent(Event):
    """The fields of all incident events: the incident as it is after the change."""

    incident_id: str
    title: str
    severity: Literal["critical", "warning", "info"]
    status: Literal["open", "acknowledged", "closed"]
    alerts: tuple[str, ...] = ()
    """The fingerprints of its alerts."""
    assignee: str | None = None
    acknowledged_by: str | None = None
    opened_at: AwareDatetime
    time: AwareDatetime
    """Of the change."""


class IncidentOpened(IncidentEvent):
    """Alerts of a tenant with one cause have begun to fire."""

    subject = Subject.INCIDENT_OPENED


class IncidentChanged(IncidentEvent):
    """An incident was acknowledged, assigned, commented, got another alert or another severity."""

    subject = Subject.INCIDENT_CHANGED
    change: str
    """`acknowledged`, `unacknowledged`, `assigned`, `severity`, `commented`, `reopened`, `merged`, `alerts`, ..."""
    by: str | None = None
    """The caller; None for a change by itself."""


class IncidentClosed(IncidentEvent):
    """All alerts of an incident are resolved, or a caller closed it."""

    subject = Subject.INCIDENT_CLOSED
    by: str | None = None
    """The caller; None if it closed by itself."""

"""The content of notifications, before a channel gives it its form. Pure.

It is stored as JSON from the moment at which an alert changes, and read by a version of this code that may be newer.
"""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.rpc.receivers import Severity
from shared.tenants import Model

Reason = Literal["fired", "resolved", "repeated", "escalated", "test"]


class AlertNotice(Model):
    """One alert, as a receiver is told of it."""

    alert_id: str
    fingerprint: str
    tenant_id: str
    name: str
    severity: Severity
    status: Literal["firing", "resolved"]
    reason: Reason
    """Why this is sent."""
    at: AwareDatetime
    """When the alert fired, or was resolved."""
    starts_at: AwareDatetime
    """When it fired."""
    value: float | None
    condition: str
    summary: str
    labels: dict[str, str] = Field(default_factory=dict)
    runbook: str | None = None
    incident_id: str | None = None


class Content(Model):
    """A notification: one alert or more."""

    notification_id: str
    receiver: str
    mode: str
    created_at: AwareDatetime
    alerts: tuple[AlertNotice, ...]

    @property
    def firing(self) -> int:
        return sum(each.status == "firing" for each in self.alerts)

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """Firing if one of the alerts does."""
        return "firing" if self.firing else "resolved"

    @property
    def type(self) -> str:
        """The event's type: `alert.firing`, `alert.resolved` or `receiver.test`."""
        return "receiver.test" if self.alerts[0].reason == "test" else f"alert.{self.status}"

    @property
    def most_severe(self) -> Severity:
        found = {each.severity for each in self.alerts}
        return "critical" if "critical" in found else "warning" if "warning" in found else "info"

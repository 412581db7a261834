"""An active alert, in the documented fields and ours."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.tenants import Model


class ActiveAlert(Model):
    """An alert that fires."""

    alert_id: str = Field(examples=["alert-0123456789abcdef"])
    tenant_id: str
    severity: Literal["critical", "warning", "info"]
    type: str = Field(examples=["resource_usage"])
    """The kind of trouble: `resource_usage`, `service_down`, `error_budget_burn`, `custom`, ..."""
    message: str
    metric: str = Field(examples=["cpu"])
    """Of the condition's first comparison that holds, as the next two; empty for an alert of another system."""
    current_value: float | None
    threshold: float | None
    timestamp: AwareDatetime
    """When it began to fire."""
    name: str = Field(examples=["high_cpu_usage"])
    """The rule's name."""
    condition: str
    labels: dict[str, str]
    source: str = Field(examples=["rule"])
    """`rule`, or the system that reported it, such as `alertmanager`."""
    runbook: str | None
    incident_id: str | None
    muted_by: str | None
    """The silence or maintenance window that mutes it: it is shown, and isn't notified."""
    inhibited_by: str | None
    """The fingerprint of the alert that explains this one."""


class ActiveAlerts(Model):
    """The active alerts of a tenant: the critical ones first, then the newest."""

    tenant_id: str
    alerts: list[ActiveAlert]

"""The documented dashboards. What isn't known is null."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.tenants import Model

Health = Literal["healthy", "degraded", "critical"]


class Amounts(Model):
    """Resources in the documented units."""

    cpu: str = Field(examples=["500000m"])
    memory: str = Field(examples=["1000Gi"])
    gpu: int = Field(examples=[50])
    storage: str = Field(examples=["50TB"])


class Shares(Model):
    """Percentages; null of what the cluster doesn't have."""

    cpu: float | None = Field(examples=[57.0])
    memory: float | None = Field(examples=[65.0])
    gpu: float | None = Field(examples=[56.0])
    storage: float | None = Field(examples=[50.0])


class SystemMetrics(Model):
    cluster_status: Health
    total_tenants: int
    active_tenants: int
    total_resources: Amounts
    used_resources: Amounts
    """What pods have asked for: nobody else gets it, whether it is used or not."""
    utilization: Shares


class ApiComponent(Model):
    status: Health
    response_time: float | None
    """Milliseconds that this answer took until now."""


class DatabaseComponent(Model):
    status: Health
    connections: int | None
    """Open ones, of all clients."""


class RedisComponent(Model):
    """The guides' name. It is JetStream's store, which does what they do with Redis."""

    status: Health
    memory_usage: float | None
    """Percent of the fullest stream."""


class KubernetesComponent(Model):
    status: Health
    nodes_ready: str | None = Field(examples=["3/3"])


class Components(Model):
    api: ApiComponent
    database: DatabaseComponent
    redis: RedisComponent
    kubernetes: KubernetesComponent


class SystemStatus(Model):
    overall_status: Health
    components: Components


class Utilization(Model):
    """Use in percent of what pods asked for, the mean over tenants in the last five minutes."""

    cpu: float | None
    memory: float | None
    gpu: float | None


class TenantStats(Model):
    total_tenants: int
    active_tenants: int
    pending_deployments: int
    failed_deployments: int
    """Tenants whose latest deployment failed."""
    by_preset: dict[str, int]
    resource_utilization: Utilization


class RecentDeployment(Model):
    deployment_id: str
    tenant_id: str
    operation: str
    status: str
    progress: int
    message: str
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class ActiveAlert(Model):
    """What is wrong now, in the fields of the documented alert."""

    alert_id: str = Field(examples=["alert-0123456789ab"])
    tenant_id: str
    severity: Literal["warning", "critical"]
    type: Literal["sla_violated", "service_down", "error_budget_burn", "monitoring_missing"]
    message: str
    metric: str
    current_value: float
    threshold: float
    timestamp: AwareDatetime
    """Since when, as far as it is known."""


class SlaMetrics(Model):
    availability: float | None
    """Percent: what was seen up of what was seen, over all tenants."""
    avg_response_time: float | None
    """Milliseconds, the mean of the last hour; null where nobody measures it."""
    deployment_success_rate: float | None
    """Percent of those that ended in the last 24 hours."""


class OperationsDashboard(Model):
    timestamp: AwareDatetime
    system_status: SystemStatus
    tenant_stats: TenantStats
    resource_usage: SystemMetrics | None
    """null while the cluster doesn't answer."""
    recent_deployments: list[RecentDeployment]
    """Of the last 24 hours, the newest first, at most 100."""
    active_alerts: list[ActiveAlert]
    sla_metrics: SlaMetrics

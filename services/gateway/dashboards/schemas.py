"""The documented dashboards. Unknown values are null."""

from typing import Literal

from pydantic import AwareDatetime, Field

from services.gateway.active_alerts.schemas import ActiveAlert
from shared.tenants import Model

ComponentHealth = Literal["healthy", "degraded", "critical"]


class Amounts(Model):
    """Resources in the documented units."""

    cpu: str = Field(examples=["500000m"])
    memory: str = Field(examples=["1000Gi"])
    gpu: int = Field(examples=[50])
    storage: str = Field(examples=["50TB"])


class Shares(Model):
    """Percentages; null for a resource that the cluster doesn't have."""

    cpu: float | None = Field(examples=[57.0])
    memory: float | None = Field(examples=[65.0])
    gpu: float | None = Field(examples=[56.0])
    storage: float | None = Field(examples=[50.0])


class SystemMetrics(Model):
    """The resources of the cluster, and how much of them is requested."""

    cluster_status: ComponentHealth
    total_tenants: int
    active_tenants: int
    total_resources: Amounts
    used_resources: Amounts
    """The requests of its pods: reserved for them, whether they use it or not. For a caller that is bound to tenants,
    what its running tenants need as sized."""
    utilization: Shares


class ApiComponent(Model):
    """This API."""

    status: ComponentHealth
    response_time: float | None
    """Milliseconds since the start of this request."""


class DatabaseComponent(Model):
    """PostgreSQL."""

    status: ComponentHealth
    connections: int | None
    """Open connections of all clients."""


class RedisComponent(Model):
    """The storage of JetStream, under the documented name: it is used where the guides use Redis."""

    status: ComponentHealth
    memory_usage: float | None
    """Percent of the fullest stream."""


class KubernetesComponent(Model):
    """The cluster of the mode."""

    status: ComponentHealth
    nodes_ready: str | None = Field(examples=["3/3"])


class Components(Model):
    """The components of the system."""

    api: ApiComponent
    database: DatabaseComponent
    redis: RedisComponent
    kubernetes: KubernetesComponent


class SystemStatus(Model):
    """The worst health of the components, and each of them."""

    overall_status: ComponentHealth
    components: Components


class Utilization(Model):
    """Use in percent of the pods' requests, as the mean over the tenants in the last five minutes."""

    cpu: float | None
    memory: float | None
    gpu: float | None


class TenantStats(Model):
    """Counts of tenants and their latest deployments."""

    total_tenants: int
    active_tenants: int
    pending_deployments: int
    failed_deployments: int
    """Tenants whose latest deployment failed."""
    by_preset: dict[str, int]
    resource_utilization: Utilization


class RecentDeployment(Model):
    """A deployment of the last 24 hours."""

    deployment_id: str
    tenant_id: str
    operation: str
    status: str
    progress: int
    message: str
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class SlaMetrics(Model):
    """Availability and response time of all tenants, and the success of deployments."""

    availability: float | None
    """Percent of the observed time of all tenants in which they were up."""
    avg_response_time: float | None
    """Milliseconds, as the mean of the last hour; null if it isn't measured."""
    deployment_success_rate: float | None
    """Percent of the deployments that ended in the last 24 hours."""


class OperationsDashboard(Model):
    """The state of the whole system."""

    timestamp: AwareDatetime
    system_status: SystemStatus
    tenant_stats: TenantStats
    resource_usage: SystemMetrics | None
    """null while the cluster doesn't answer."""
    recent_deployments: list[RecentDeployment]
    """Those of the last 24 hours, newest first, at most 100."""
    active_alerts: list[ActiveAlert]
    """The critical ones first, then the newest, at most 100; `GET /tenants/{id}/alerts/active` has all of a tenant."""
    sla_metrics: SlaMetrics

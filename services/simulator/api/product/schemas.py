"""Shapes of the product's requests and answers, from which its OpenAPI document is made.

Quantities are strings with Kubernetes' units (`1500m` of a core, `12.5Gi`), loads are percentages from 0 to 100, and
times are RFC 3339. Every model forbids further fields, so that a field which is answered and not described is found.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _with_zone(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ExternalMetrics(_Shape):
    """Business metrics of a tenant that another system measures."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tenant_id": "my-ai-service", "source": "billing", "metrics": {"active_sessions": 85}}]
        }
    )

    tenant_id: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=50)]
    source: Annotated[str, Field(min_length=1, max_length=100)]
    metrics: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=100)], Annotated[float, AfterValidator(_finite)]],
        Field(min_length=1, max_length=100),
    ]
    timestamp: Annotated[
        datetime | None,
        Field(strict=False, description="When they were measured; UTC without a zone, now where absent."),
    ] = None

    @property
    def measured_at(self) -> datetime:
        """The time of the measurement, with its zone."""
        return _with_zone(self.timestamp) if self.timestamp else datetime.now(UTC)


class AcceptedMetrics(_Shape):
    """Acknowledgement of external metrics; `metrics` is how many values were stored."""

    status: Literal["accepted"]
    tenant_id: str
    metrics: int


class Health(_Shape):
    """The process is alive; `clusters` are those that are loaded."""

    status: Literal["healthy"]
    service: Literal["simulator"]
    version: str
    timestamp: str
    checks: dict[str, str]
    clusters: list[str]


class Readiness(_Shape):
    """Whether all dependencies answer; `missing` names those that don't."""

    status: Literal["ready", "not ready"]
    ready: bool
    missing: list[str]
    service: Literal["simulator"]
    version: str
    timestamp: str
    checks: dict[str, str]


class PodTotals(_Shape):
    """Pods, and the ready ones among them."""

    total: int
    ready: int


class ResourceAmounts(_Shape):
    """Amounts of each resource; GPUs are whole for capacity and requests, and have a fraction for usage."""

    cpu: str
    memory: str
    gpu: float


class ResourceUse(_Shape):
    """Usage in percent."""

    cpu: float
    memory: float
    gpu: float


class ClusterMetrics(_Shape):
    """Nodes, pods, capacity and usage of one cluster."""

    timestamp: datetime
    cluster: str
    cluster_status: Literal["healthy", "degraded"]
    nodes: int
    pods: PodTotals
    total_resources: ResourceAmounts
    requested_resources: ResourceAmounts
    used_resources: ResourceAmounts
    utilization: ResourceUse


class TenantLoad(ResourceUse):
    """Usage in percent of the requests, and the simulated traffic that causes it."""

    network_rps: float
    response_time: Annotated[float, Field(description="Milliseconds; 0 when no pod is ready.")]
    error_rate: Annotated[float, Field(description="Percent of requests.")]


class TenantSla(_Shape):
    """Availability since the simulator first saw the tenant up; null where it is unknown."""

    availability: float | None
    uptime_percentage: float | None
    downtime_minutes: float
    unknown_minutes: float
    watched_minutes: float
    failure_count: int


class StoredMetrics(_Shape):
    """The latest value of each external metric; `received_at` is the time of the latest measurement."""

    source: str
    received_at: datetime
    metrics: dict[str, float]


class TenantMetrics(_Shape):
    """A tenant that runs in the cluster."""

    tenant_id: str
    timestamp: datetime
    cluster: str
    namespaces: list[str]
    pods: PodTotals
    metrics: TenantLoad
    sla_data: TenantSla
    external_metrics: StoredMetrics | None


class ExternalTenantMetrics(_Shape):
    """A tenant that doesn't run in the cluster, and of which external metrics were received."""

    tenant_id: str
    external_metrics: StoredMetrics


class AllMetrics(_Shape):
    """The cluster, and every tenant that runs in it by its id."""

    system: ClusterMetrics
    tenants: dict[str, TenantMetrics]


class ErrorDetails(_Shape):
    """What went wrong: a stable code, a sentence, and facts that depend on the code."""

    code: str
    message: str
    details: dict[str, Any]
    timestamp: datetime
    request_id: str


class ErrorResponse(_Shape):
    """Every failure of a product endpoint."""

    error: ErrorDetails

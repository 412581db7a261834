"""Tenants: what is asked for, and what is answered."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from services.gateway.deployments.observed import Health
from shared.events import DeployOptions, ErrorBudget
from shared.sizing import AlternativeKind, Cost, GpuSharing, ResourceTotals, ServiceSizing
from shared.tenants import Model, SlaTarget, TenantSpec

TenantStatus = Literal["pending", "running", "failed", "deleting", "stopped"]
Target = Annotated[str, Field(min_length=1, max_length=63, examples=["simulator"])]

_SPEC: JsonDict = {
    "tenant_id": "my-ai-service",
    "name": "내 AI 서비스",
    "preset": "medium",
    "service_requirements": {"callbot": 50, "chatbot": 100, "advisor": 25, "stt": 30, "tts": 30},
    "sla_target": {"availability": "99.9%", "response_time": "200ms", "concurrent_users": 200},
    "description": "내 AI 서비스 설명",
}


class TenantCreate(TenantSpec):
    """A tenant to be made. It is deployed at once unless `deploy` is false."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SPEC]})

    deploy: bool = True
    target: Target | None = None
    """Where to: `simulator`, or `kubernetes` where a kubeconfig is configured. None takes the mode's default."""
    options: DeployOptions = DeployOptions()


class TenantChange(Model):
    """Absent fields stay as they are; given ones replace the whole field."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "수정된 서비스 이름", "service_requirements": {"callbot": 75, "chatbot": 150}}]
        }
    )

    name: str | None = None
    service_requirements: dict[str, Annotated[int, Field(strict=True)]] | None = None
    sla_target: SlaTarget | None = None
    preset: str | None = None
    """null goes back to the calculator's recommendation."""
    gpu_type: str | None = None
    description: str | None = None
    options: DeployOptions | None = None
    deploy: bool | None = None
    """None: yes, unless the tenant was never deployed."""


class DeployRequest(Model):
    """How to deploy a tenant that exists. Everything has a default."""

    target: Target | None = None
    options: DeployOptions | None = None


class CalculateResources(Model):
    """The question `what would it take`; other fields of a tenant may be there and are not looked at."""

    service_requirements: dict[str, Annotated[int, Field(strict=True)]] = Field(
        min_length=1, max_length=50, examples=[{"callbot": 100, "chatbot": 200, "advisor": 50}]
    )
    sla_target: SlaTarget = SlaTarget()
    preset: str | None = None
    gpu_type: str | None = None
    gpu_sharing: GpuSharing = "none"
    """What if replicas shared GPUs. For this question alone: tenants are deployed on whole GPUs."""
    allow_unmeasured: bool = False
    """What if GPU types were used on which a service hasn't been measured, by estimate. For this question alone."""


class AlternativeResources(Model):
    cpu: str = Field(examples=["24000m"])
    memory: str = Field(examples=["32Gi"])
    gpu: int = Field(examples=[3])
    storage: str


class Alternative(Model):
    preset: str = Field(examples=["medium"])
    resources: AlternativeResources
    cost: str = Field(examples=["$250/month"])
    performance_impact: str
    performance_impact_ko: str
    kind: AlternativeKind
    gpu_type: str | None
    monthly_cost_usd: float
    monthly_cost_krw: int
    availability: float | None
    """Percent, computed."""
    response_time_p95_ms: float | None
    """null where it is unmeasured, or where requests would pile up without an end."""
    blocked: float | None
    """The part of sessions that the scarcest service turns away in the busy hour."""


class CalculatedResources(Model):
    recommended_preset: str = Field(examples=["large"])
    resources: ResourceTotals
    gpu_type: str | None = Field(examples=["t4"])
    estimated_cost: str = Field(examples=["$450/month"])
    alternatives: list[Alternative]
    preset: str
    deployment_time: str
    warnings: list[str]
    warnings_ko: list[str]
    """What says something in the language that `Accept-Language` chose has the Korean beside it, ending in `_ko`."""
    services: list[ServiceSizing]
    """Replicas of each, with the constraint that decided and the reason."""
    cost: Cost | None
    availability: float | None
    """Percent, computed."""
    response_time_p95_ms: float | None
    gpus: dict[str, int] = Field(examples=[{"t4": 10}])
    """By type; more than one where a mix is cheapest."""
    gpu_nodes: dict[str, int]
    """Instances that are rented for them."""


class RollOutAnswer(Model):
    """What an operation that may deploy has begun."""

    tenant_id: str
    status: TenantStatus
    deployment_id: str | None = Field(examples=["dep-0123456789ab"])
    """null where nothing is deployed."""
    estimated_resources: ResourceTotals
    estimated_cost: str = Field(examples=["$350/month"])
    deployment_time: str = Field(examples=["15-20 minutes"])
    preset: str
    revision: int
    generation: int
    target: str | None
    notes: list[str]
    """What was decided for you, and the sizing's warnings."""


class TenantCreated(RollOutAnswer):
    created_at: AwareDatetime


class TenantChanged(RollOutAnswer):
    updated_at: AwareDatetime


class TenantDeletion(Model):
    message: str
    deletion_id: str = Field(examples=["del-0123456789ab"])
    estimated_time: str = Field(examples=["1-3 minutes"])
    tenant_id: str
    status: TenantStatus


class TenantSummary(Model):
    tenant_id: str
    name: str | None
    preset: str
    is_demo: bool
    status: str = Field(examples=["running"])
    services_count: int
    cpu_limit: str | None
    memory_limit: str | None
    gpu_limit: int | None
    storage_limit: str | None
    gpu_type: str | None
    sla_availability: str | None
    sla_response_time: str | None
    created_at: AwareDatetime
    description: str | None


class Pagination(Model):
    skip: int
    limit: int
    has_more: bool


class TenantList(Model):
    tenants: list[TenantSummary]
    total_count: int
    """Those that the filters leave."""
    demo_count: int
    active_count: int
    """Those of them that run."""
    pagination: Pagination


class TenantService(Model):
    service_name: str
    service_type: str
    enabled: bool
    count: int
    """Concurrent sessions."""
    image: str
    resources: dict[str, Any] = Field(examples=[{"cpu_request": "200m", "memory_request": "512Mi"}])
    state: Health = "unknown"
    """As the monitor saw it last: up while as many replicas are ready as its promise needs."""
    replicas: str | None = Field(default=None, examples=["2/3"])
    """Ready of wanted, as the monitor saw them last."""


class TenantDetail(Model):
    tenant_id: str
    name: str | None
    preset: str
    is_demo: bool
    status: str = Field(examples=["running"])
    """What was asked for and brought about; whether it works now is `health`."""
    health: Health = "unknown"
    service_requirements: dict[str, Any]
    resources: dict[str, Any]
    sla_target: dict[str, Any]
    services: list[TenantService]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    description: str | None
    gpu_type: str | None
    estimated_cost: str | None
    revision: int
    generation: int
    target: str | None
    deployment_id: str | None
    """The latest operation's."""


class SlaAnswer(Model):
    """What the monitor last reported. Percentages; all of it null until there is a report."""

    tenant_id: str
    status: Literal["meeting", "violated", "unknown"]
    availability: float | None
    target: float
    since: AwareDatetime | None
    time: AwareDatetime | None
    downtime_seconds: float
    observed_seconds: float
    failures: int
    unknown_seconds: float = 0
    """Neither up nor down: nobody could see it, or nothing was asked of the tenant."""
    maintenance_seconds: float = 0
    mttr_seconds: float | None = None
    mtbf_seconds: float | None = None
    error_budget: ErrorBudget | None = None
    """Of the last 30 days."""
    burn_rates: dict[str, float | None] = Field(default_factory=dict, examples=[{"1h": 0.0, "6h": 0.4}])

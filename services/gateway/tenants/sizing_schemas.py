"""Requests and answers about sizing without a tenant."""

from pydantic import ConfigDict, Field

from services.gateway.http.schemas import NotAnswered
from shared.choices.services import OptionsByService
from shared.model import Model
from shared.sizing import AlternativeKind, Cost, GpuSharing, ResourceTotals, ServiceSizing
from shared.tenants import GpuType, ServiceRequirements, SlaTarget


class CalculateResources(Model):
    """What to size, without storing it; other fields of a tenant are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"service_requirements": {"callbot": 100, "chatbot": 200, "advisor": 50}}]}
    )

    service_requirements: ServiceRequirements = Field(examples=[{"callbot": 100, "chatbot": 200, "advisor": 50}])
    sla_target: SlaTarget = SlaTarget()
    preset: str | None = None
    gpu_type: GpuType = None
    service_options: OptionsByService = Field(default_factory=dict)
    gpu_sharing: GpuSharing = "none"
    """Size as if replicas shared GPUs. Only for this calculation: tenants are deployed on whole GPUs."""
    allow_unmeasured: bool = False
    """Size also with estimates for GPU types on which a service hasn't been measured. Only for this calculation."""


class AlternativeResources(Model):
    """Total resources of an alternative."""

    cpu: str = Field(examples=["24000m"])
    memory: str = Field(examples=["32Gi"])
    gpu: int = Field(examples=[3])
    storage: str


class Alternative(Model):
    """Another sizing of the same services, with its effect on performance."""

    preset: str = Field(examples=["medium"])
    resources: AlternativeResources
    cost: str = Field(examples=["$250/month"])
    performance_impact: str
    kind: AlternativeKind
    gpu_type: str | None
    monthly_cost_usd: float
    monthly_cost_krw: int
    availability: float | None
    """Percent, computed."""
    response_time_p95_ms: float | None
    """null if it is unmeasured, or if the queue would grow without limit."""
    blocked: float | None
    """The share of sessions that the scarcest service rejects in the busy hour."""


class SizedService(ServiceSizing):
    """The sizing of one service."""

    reason_messages: NotAnswered = ()


class CalculatedResources(Model):
    """A sizing, with its cost and alternatives. Texts are in the language of `Accept-Language`."""

    recommended_preset: str = Field(examples=["large"])
    resources: ResourceTotals
    gpu_type: str | None = Field(examples=["t4"])
    estimated_cost: str = Field(examples=["$450/month"])
    alternatives: list[Alternative]
    preset: str
    deployment_time: str
    warnings: list[str]
    services: list[SizedService]
    """The replicas of each, with the deciding constraint and the reason."""
    cost: Cost | None
    availability: float | None
    """Percent, computed."""
    response_time_p95_ms: float | None
    gpus: dict[str, int] = Field(examples=[{"t4": 10}])
    """By type; more than one if a mix is cheapest."""
    gpu_nodes: dict[str, int]
    """Rented instances, by type."""

"""Requests and answers about tenants."""

from typing import Annotated, Any

from pydantic import AwareDatetime, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from services.gateway.deployments.observed import ObservedHealth
from services.gateway.http.known_fields import with_our_names
from services.gateway.tenants.known_fields import OF_TENANTS
from shared.choices import ClusterOptions
from shared.choices.services import OptionsByService
from shared.events import DeployOptions
from shared.events.statuses import DeploymentStatus, TenantStatus
from shared.sizing import ResourceTotals
from shared.tenants import GpuType, Model, ServiceRequirements, SlaTarget, TenantSpec

Target = Annotated[str, Field(min_length=1, max_length=63, examples=["simulator"])]

_SPEC: JsonDict = {
    "tenant_id": "my-ai-service",
    "name": "내 AI 서비스",
    "preset": "medium",
    "service_requirements": {"callbot": 50, "chatbot": 100, "advisor": 25, "stt": 30, "tts": 30},
    "sla_target": {"availability": "99.9%", "response_time": "200ms", "concurrent_users": 200},
    "description": "내 AI 서비스 설명",
}


_CHOSEN: JsonDict = {
    "tenant_id": "my-own-images",
    "name": "우리 이미지",
    "service_requirements": {"callbot": 50},
    "service_options": {
        "callbot": {
            "image": {"tag": "1.52"},
            "environment": {"LOG_LEVEL": "info"},
            "autoscaling": {"min_replicas": 4, "max_replicas": 12, "target_cpu_percent": 60},
            "resources": {"requests": {"cpu": "1", "memory": "2Gi"}},
            "health": {"liveness": "/health", "readiness": "/ready"},
        }
    },
    "cluster_options": {
        "registry": "registry.example.com/team",
        "image_pull_secrets": ["registry-login"],
        "labels": {"example.com/cost-centre": "4711"},
    },
    "deploy": False,
}


class TenantCreate(TenantSpec):
    """A new tenant. It is deployed immediately unless `deploy` is false."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SPEC, _CHOSEN]})

    deploy: bool = True
    target: Target | None = None
    """`simulator`, or `kubernetes` if a cluster is configured. null: the default of the mode."""
    options: DeployOptions = DeployOptions()

    @model_validator(mode="before")
    @classmethod
    def _with_our_names(cls, fields: Any) -> Any:
        return with_our_names(fields, OF_TENANTS)


class TenantChange(Model):
    """Absent fields stay unchanged; given ones replace the whole field."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "수정된 서비스 이름", "service_requirements": {"callbot": 75, "chatbot": 150}}]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    service_requirements: ServiceRequirements | None = None
    sla_target: SlaTarget | None = None
    preset: str | None = None
    """null: the calculator's recommendation."""
    gpu_type: GpuType = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    service_options: OptionsByService | None = None
    """null: nothing is chosen."""
    cluster_options: ClusterOptions | None = None
    """null: nothing is chosen."""
    options: DeployOptions | None = None
    deploy: bool | None = None
    """null: true, unless the tenant was never deployed."""

    @model_validator(mode="before")
    @classmethod
    def _with_our_names(cls, fields: Any) -> Any:
        return with_our_names(fields, OF_TENANTS)


class TenantPatch(Model):
    """A merge patch (RFC 7396) of what a PUT takes: objects merge, null removes an entry or resets a field."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"service_requirements": {"callbot": 75}, "description": None}]}
    )

    name: Annotated[str, Field(max_length=200)] | None = None
    """null: the tenant's id."""
    service_requirements: dict[str, Any] | None = None
    """Sessions by service. null as a value removes the service."""
    sla_target: dict[str, Any] | None = None
    preset: str | None = None
    gpu_type: str | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    service_options: dict[str, Any] | None = None
    """Merged service by service, down to single variables. null as a value removes the entry."""
    cluster_options: dict[str, Any] | None = None
    options: dict[str, Any] | None = None
    """Merged with the options of the last deployment."""
    deploy: bool | None = None
    """null: true, unless the tenant was never deployed."""

    @model_validator(mode="before")
    @classmethod
    def _with_our_names(cls, fields: Any) -> Any:
        return with_our_names(fields, OF_TENANTS)


class DeployRequest(Model):
    """How to deploy an existing tenant. Every field has a default."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"options": {"timeout": "20m", "on_failure": "rollback"}}]}
    )

    target: Target | None = None
    options: DeployOptions | None = None


class DeployAccepted(Model):
    """The accepted deployment of a tenant."""

    tenant_id: str
    deployment_id: str = Field(examples=["dep-0123456789ab"])
    status: DeploymentStatus
    generation: int
    target: str
    notes: list[str]


class SizedTenantAnswer(Model):
    """The accepted operation on a tenant, with its sizing."""

    tenant_id: str
    status: TenantStatus
    deployment_id: str | None = Field(examples=["dep-0123456789ab"])
    """null if nothing is deployed."""
    estimated_resources: ResourceTotals
    estimated_cost: str = Field(examples=["$350/month"])
    deployment_time: str = Field(examples=["15-20 minutes"])
    preset: str
    revision: int
    generation: int
    target: str | None
    notes: list[str]
    """Decisions that were made for you, and the sizing's warnings."""


class TenantCreated(SizedTenantAnswer):
    """The new tenant."""

    created_at: AwareDatetime


class TenantChanged(SizedTenantAnswer):
    """The changed tenant."""

    updated_at: AwareDatetime


class TenantDeletion(Model):
    """The accepted deletion of a tenant."""

    message: str
    deletion_id: str = Field(examples=["del-0123456789ab"])
    estimated_time: str = Field(examples=["1-3 minutes"])
    tenant_id: str
    status: TenantStatus


Permissions = Annotated[list[str], Field(examples=[["view", "deploy", "stop"]])]
"""What the caller may do with a tenant now, by its role and the tenant's status."""


class TenantSummary(Model):
    """A tenant in a list."""

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
    permissions: Permissions


class Pagination(Model):
    """The position of a page in the whole list."""

    skip: int
    limit: int
    has_more: bool


class TenantList(Model):
    """A page of tenants."""

    tenants: list[TenantSummary]
    total_count: int
    """Tenants that match the filters and that the caller may see."""
    demo_count: int
    active_count: int
    """Those of them that are running."""
    pagination: Pagination


class TenantService(Model):
    """A service of a tenant."""

    service_name: str
    service_type: str
    enabled: bool
    count: int
    """Concurrent sessions."""
    image: str
    resources: dict[str, Any] = Field(examples=[{"cpu_request": "200m", "memory_request": "512Mi"}])
    state: ObservedHealth = "unknown"
    """As of the monitor's last report: up while as many replicas are ready as its SLA target needs."""
    replicas: str | None = Field(default=None, examples=["2/3"])
    """Ready of wanted, as of the monitor's last report."""


class TenantDetail(Model):
    """A tenant with its services, resources and SLA target."""

    tenant_id: str
    name: str | None
    preset: str
    is_demo: bool
    status: str = Field(examples=["running"])
    """The outcome of its operations; its present state is `health`."""
    health: ObservedHealth = "unknown"
    service_requirements: dict[str, Any]
    resources: dict[str, Any]
    sla_target: dict[str, Any]
    services: list[TenantService]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    description: str | None
    gpu_type: str | None
    service_options: dict[str, Any] = Field(examples=[{"callbot": {"image": {"tag": "1.52"}, "replicas": 4}}])
    """What was chosen for single services."""
    cluster_options: dict[str, Any]
    """What was chosen for the cluster."""
    effective_cluster_options: dict[str, Any]
    """The same, with the defaults of its target where nothing was chosen: as it would be deployed now."""
    estimated_cost: str | None
    revision: int
    generation: int
    target: str | None
    deployment_id: str | None
    """The id of its latest operation."""
    permissions: Permissions

"""Request and answer of an adoption."""

from typing import Annotated

from pydantic import ConfigDict, Field

from services.gateway.tenants.schemas import Target
from shared.changes import Changes
from shared.choices.services import ServiceOptions
from shared.events import DeployOptions
from shared.events.statuses import DeploymentStatus
from shared.rpc import LeftObject
from shared.tenants import Model, ServiceRequirements, SlaTarget


class AdoptRequest(Model):
    """Which namespace to adopt. By default only what would be done is answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"namespace": "ecp-ai-my-call-centre", "dry_run": True}]})

    namespace: Annotated[str, Field(min_length=1, max_length=63, examples=["ecp-ai-my-call-centre"])]
    """`ecp-ai-<tenant id>`."""
    dry_run: bool = True
    """false: adopt it."""
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """null: the tenant's id."""
    service_requirements: ServiceRequirements | None = None
    """Concurrent sessions by service. null: an estimate from the replicas."""
    sla_target: SlaTarget = SlaTarget()
    gpu_type: str | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    target: Target | None = None
    options: DeployOptions = DeployOptions()
    """For later deployments. With `force_conflicts`, the adoption replaces labels of another tenant or tool."""


class Adoption(Model):
    """What an adoption does, or would do."""

    tenant_id: str
    namespace: str
    dry_run: bool
    deployment_id: str | None = Field(examples=["dep-0123456789ab"])
    """null for a dry run."""
    status: DeploymentStatus | None
    target: str
    service_requirements: dict[str, int]
    is_estimated: bool
    """Whether the sessions are estimated from the replicas."""
    service_options: dict[str, ServiceOptions]
    """What differs from the sizing and is kept in later deployments."""
    adopted: list[str] = Field(examples=[["Namespace ecp-ai-my-call-centre", "Deployment callbot"]])
    """Objects that become the tenant's. Nothing of them changes but labels."""
    left_alone: list[LeftObject]
    """Objects that are not adopted, with the reason."""
    conflicts: list[str]
    """Labels with another value, which the adoption replaces only with `force_conflicts`."""
    next_deployment: Changes
    """What the first deployment afterwards would change: all that the tenant's fields can't express. With `prune` it
    deletes adopted objects that the tenant's manifest doesn't have."""
    restarts: list[str] = Field(examples=[["Deployment callbot"]])
    """Workloads whose pods that deployment would replace. The adoption itself restarts none."""
    notes: list[str]

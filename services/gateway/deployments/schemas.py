"""Deployments: their status, their log, and the objects that they have created."""

from pydantic import AwareDatetime, Field

from services.gateway.deployments.outcome import OverallStatus, ReportedStatus
from services.gateway.deployments.projection import Level
from shared.events import DeployOptions, Drift, ResourceState
from shared.events.statuses import DeploymentStatus
from shared.tenants import Model


class Deployment(Model):
    """One operation on a tenant."""

    deployment_id: str = Field(examples=["dep-0123456789ab"])
    tenant_id: str
    operation: str = Field(examples=["deploy"])
    generation: int
    revision: int
    target: str
    status: DeploymentStatus
    phase: str
    progress: int
    message: str
    error_code: str | None
    options: DeployOptions
    digest: str | None
    """The digest of its manifest."""
    correlation_id: str
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    updated_at: AwareDatetime
    finished_at: AwareDatetime | None


class DeploymentList(Model):
    """A page of a tenant's deployments."""

    tenant_id: str
    deployments: list[Deployment]
    """Newest first."""
    total_count: int


class LogLine(Model):
    """A line of a deployment's log."""

    timestamp: AwareDatetime
    level: Level
    message: str


class DeploymentEvent(LogLine):
    """One message of the deployment's socket. `seq` is what `?since=` takes."""

    seq: int
    event: str = Field(examples=["deploy.progressed"])
    status: DeploymentStatus
    phase: str | None
    progress: int | None
    error_code: str | None
    resources: list[ResourceState]
    correlation_id: str


class DeploymentEvents(Model):
    """The log of a deployment, in order."""

    deployment_id: str
    events: list[DeploymentEvent]


class DriftState(Model):
    """The cluster doesn't agree with what was deployed."""

    time: AwareDatetime
    """When it was detected."""
    message: str
    drift: list[Drift]
    heals: int
    """How often it was healed recently and drifted again; 0 without `heal_drift`."""
    next_heal: AwareDatetime | None
    """When it is healed next; null for immediately, or without `heal_drift`."""


class StatusReport(Model):
    """What a CI pipeline has reported."""

    status: ReportedStatus
    deployed_at: AwareDatetime | None
    received_at: AwareDatetime


class ReportedState(StatusReport):
    """The latest report of a pipeline on this deployment, beside what is observed."""

    contradiction: str | None
    """In which point it disagrees with what is observed."""
    earlier: list[StatusReport]
    """Newest first, at most 19."""


class DeploymentState(Model):
    """The progress of the tenant's latest operation."""

    tenant_id: str
    deployment_id: str | None
    """null for a tenant that was never deployed."""
    status: DeploymentStatus
    overall_status: OverallStatus
    """`ready` if it is done as requested, and no service is down."""
    progress: int
    phase: str
    created_resources: list[ResourceState]
    pending_resources: list[ResourceState]
    estimated_completion: AwareDatetime | None
    """null after its end."""
    logs: list[LogLine]
    message: str
    waiting_for: str | None
    """What it waits for, if that is known."""
    target: str | None
    generation: int | None
    error_code: str | None
    drift: DriftState | None = None
    """null while the cluster agrees with what was deployed."""
    reported: ReportedState | None = None
    """null without a report of a pipeline (`POST .../deployment-status`)."""

"""Deployments: their state, their log, and what they have made."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.events import DeployOptions, Drift, ResourceState
from shared.tenants import Model

DeploymentStatus = Literal["pending", "deploying", "completed", "failed", "rolled_back", "superseded", "cancelled"]


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
    """The manifest's."""
    correlation_id: str
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    updated_at: AwareDatetime
    finished_at: AwareDatetime | None


class DeploymentList(Model):
    tenant_id: str
    deployments: list[Deployment]
    """Newest first."""
    total_count: int


class LogLine(Model):
    timestamp: AwareDatetime
    level: Literal["info", "warning", "error"]
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
    deployment_id: str
    events: list[DeploymentEvent]


class DriftState(Model):
    """What runs is not what was deployed."""

    time: AwareDatetime
    """When it was noticed."""
    message: str
    drift: list[Drift]
    heals: int
    """How often it was healed lately and came back; 0 without `heal_drift`."""
    next_heal: AwareDatetime | None
    """When it is healed next; null for at once, or without `heal_drift`."""


class DeploymentState(Model):
    """How far the tenant's latest operation is."""

    tenant_id: str
    deployment_id: str | None
    """null for a tenant that was never deployed."""
    status: DeploymentStatus
    progress: int
    phase: str
    created_resources: list[ResourceState]
    pending_resources: list[ResourceState]
    estimated_completion: AwareDatetime | None
    """null when it has ended."""
    logs: list[LogLine]
    message: str
    waiting_for: str | None
    """What it waits for now, where that is known."""
    target: str | None
    generation: int | None
    error_code: str | None
    drift: DriftState | None = None
    """null as long as what runs is what was deployed."""


class DeployAccepted(Model):
    tenant_id: str
    deployment_id: str = Field(examples=["dep-0123456789ab"])
    status: DeploymentStatus
    generation: int
    target: str
    notes: list[str]

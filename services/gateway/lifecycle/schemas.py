"""Rollback, start, stop and restart: what may be said, and what is answered."""

from pydantic import Field

from services.gateway.deployments.schemas import DeployAccepted
from shared.events import Operation
from shared.tenants import Model


class RollbackRequest(Model):
    """Where to go back to."""

    deployment_id: str | None = Field(default=None, min_length=1, max_length=64, examples=["dep-0123456789ab"])
    """One that was completed. None: the last that was healthy with another manifest than the present one."""


class OperationAccepted(DeployAccepted):
    operation: Operation = Field(examples=["rollback"])
    digest: str | None
    """Of the manifest that is to run; null for a stop."""
    to_deployment_id: str | None
    """The deployment that brought this manifest about."""
    to_generation: int | None
    revision: int
    """The manifest's. The tenant keeps the one that it asks for; `notes` says so where they differ."""

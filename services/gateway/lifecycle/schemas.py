"""Requests and answers of rollback, start, stop and restart."""

from pydantic import ConfigDict, Field

from services.gateway.tenants.schemas import DeployAccepted
from shared.events import Operation
from shared.tenants import Model


class RollbackRequest(Model):
    """Which deployment to return to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"deployment_id": "dep-0123456789ab"}]})

    deployment_id: str | None = Field(default=None, min_length=1, max_length=64, examples=["dep-0123456789ab"])
    """A completed one. null: the last one that was healthy with another manifest than the current one."""


class OperationAccepted(DeployAccepted):
    """The accepted operation, with the manifest that it runs."""

    operation: Operation = Field(examples=["rollback"])
    digest: str | None
    """The digest of the manifest; null for a stop."""
    to_deployment_id: str | None
    """The deployment that the manifest comes from."""
    to_generation: int | None
    revision: int
    """The revision of the manifest. If the tenant's own revision is another one, `notes` names it."""

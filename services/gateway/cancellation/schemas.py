"""The answer to a cancel."""

from pydantic import Field

from shared.events.statuses import DeploymentStatus
from shared.tenants import Model


class CancelAccepted(Model):
    """The accepted cancel. The operation has ended when its status is `cancelled`."""

    tenant_id: str
    deployment_id: str = Field(examples=["dep-0123456789ab"])
    operation: str = Field(examples=["deploy"])
    generation: int
    status: DeploymentStatus
    """The operation's present status. It may still complete or fail before the cancel reaches it."""
    message: str

"""What an event means for a deployment: status, phase, progress in percent, message. Pure; used by rows and sockets.

0 sizing   3 rendering   6 validating   10 to 100 set by the deployer
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import TypeAdapter

from shared.events import (
    DeployCancelled,
    DeployCompleted,
    DeployDrifted,
    DeployEvent,
    DeployFailed,
    DeployRolledBack,
    DeploySuperseded,
    Event,
    ManifestRejected,
    ManifestRendered,
    Operation,
    Phase,
    ResourcesCalculated,
    ResourcesRejected,
    ResourceState,
    TenantDeleted,
)
from shared.events.statuses import ENDED, DeploymentStatus, TenantStatus

Level = Literal["info", "warning", "error"]

_RENDERING, _VALIDATING = 3, 6
_PREPARATION = (Phase.RENDERING, Phase.VALIDATING)
_RESOURCES = TypeAdapter(tuple[ResourceState, ...])
_STATUSES: Mapping[type[DeployEvent], DeploymentStatus] = {
    DeployCompleted: "completed",
    DeployFailed: "failed",
    DeployRolledBack: "rolled_back",
    DeploySuperseded: "superseded",
    DeployCancelled: "cancelled",
}
_TENANT_STATUSES: Mapping[DeploymentStatus, TenantStatus] = {
    "completed": "running",
    "failed": "failed",
    "rolled_back": "running",
}


@dataclass(frozen=True)
class Update:
    """A change of a deployment. None leaves a field unchanged."""

    deployment_id: str
    status: DeploymentStatus
    message: str
    phase: Phase | None = None
    progress: int | None = None
    resources: tuple[ResourceState, ...] = ()
    error_code: str | None = None
    digest: str | None = None
    drifted: bool = False
    """The cluster no longer agrees with what was deployed. The deployment keeps its terminal status."""

    @cached_property
    def written_resources(self) -> list[dict[str, Any]]:
        """The resources as JSON objects; written once for all sockets and rows."""
        return [each.model_dump(exclude_none=True) for each in self.resources]

    @property
    def resources_text(self) -> str:
        """The resources as JSON."""
        return _RESOURCES.dump_json(self.resources, exclude_none=True).decode()

    @property
    def is_step(self) -> bool:
        """Whether the deployment goes on: then only its own row changes."""
        return self.status == "deploying"

    @property
    def passed_above(self) -> int | None:
        """Percent above which a deployment whose request was repeated has done this step before; None if it repeats."""
        return (self.progress or 0) if self.phase in _PREPARATION and self.is_step else None

    @property
    def level(self) -> Level:
        """The level of its line in the deployment's log."""
        if self.status == "failed":
            return "error"
        return "warning" if self.drifted or self.status in ("superseded", "rolled_back") else "info"


def read_update(event: Event) -> Update | None:
    """The change that `event` reports of a deployment, or None if it reports none."""
    if isinstance(event, DeployEvent):
        return _read_deploy(event)
    if isinstance(event, TenantDeleted):
        return Update(event.deletion_id, "completed", f"the tenant is {event.message}", Phase.DONE, 100)
    if isinstance(event, ResourcesCalculated | ResourcesRejected | ManifestRendered | ManifestRejected):
        return _read_preparation(event)
    return None


def is_step_forward(status: str, update: Update) -> bool:
    """Whether `update` may change a deployment in `status`.

    A terminal status only changes to another terminal status. It never changes to `superseded`, which may be a repeated
    delivery from before the end, nor to or from `cancelled`, which the deployer reports of what had not ended.
    """
    return status not in ENDED or (status != "cancelled" and update.status in ENDED - {"superseded", "cancelled"})


def is_success(operation: str, update: Update) -> bool:
    """Whether `update` ends an operation as it was requested. A deploy that is rolled back has failed."""
    return update.status == "completed" or (operation, update.status) == (Operation.ROLLBACK, "rolled_back")


def tenant_status(operation: str, status: DeploymentStatus) -> TenantStatus | None:
    """The tenant's status after its latest operation got `status`; None leaves it unchanged."""
    if operation == "delete":
        return "failed" if status == "failed" else None
    if operation == Operation.STOP and status == "completed":
        return "stopped"
    return _TENANT_STATUSES.get(status)


def status_before(operations: Iterable[tuple[str, DeploymentStatus]]) -> TenantStatus:
    """The tenant's status before an operation that changed nothing, from those before it, newest first."""
    ended = (tenant_status(operation, status) for operation, status in operations)
    return next((status for status in ended if status is not None), "pending")


def _read_deploy(event: DeployEvent) -> Update:
    return Update(
        deployment_id=event.deployment_id,
        status=event.outcome if isinstance(event, DeployDrifted) else _STATUSES.get(type(event), "deploying"),
        message=event.message,
        phase=event.phase,
        progress=event.progress,
        resources=event.resources,
        error_code=event.code if isinstance(event, DeployFailed) else None,
        digest=event.digest if isinstance(event, DeployCompleted | DeployRolledBack) else None,
        drifted=isinstance(event, DeployDrifted) and bool(event.drift),
    )


def _read_preparation(
    event: ResourcesCalculated | ResourcesRejected | ManifestRendered | ManifestRejected,
) -> Update | None:
    if event.deployment is None:
        return None
    deployment_id = event.deployment.deployment_id
    if isinstance(event, ResourcesCalculated):
        message = f"sized as {event.sizing.preset}: {event.sizing.resources.cpu} CPU, {event.sizing.resources.memory}"
        return Update(deployment_id, "deploying", message, Phase.RENDERING, _RENDERING)
    if isinstance(event, ManifestRendered):
        message = f"rendered {sum(event.summary.values())} objects"
        return Update(deployment_id, "deploying", message, Phase.VALIDATING, _VALIDATING, digest=event.digest)
    phase = Phase.SIZING if isinstance(event, ResourcesRejected) else Phase.VALIDATING
    return Update(deployment_id, "failed", event.message, phase, error_code=event.code)

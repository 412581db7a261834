"""Events become desired state. Nothing here waits for a cluster; the controller sees to what was written.

A generation below the highest is answered with `deploy.superseded`, the same one again changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from services.deployer.cluster.targets import TargetClusters, UnknownTarget
from services.deployer.reconcile.progress import STARTED
from services.deployer.state.records import DesiredState, HigherGeneration, state_key
from services.deployer.state.repository import StateRepository, TenantRecords
from shared.bus import Delivery
from shared.errors import PermanentError
from shared.events import (
    DeployFailed,
    DeploymentContext,
    DeploySuperseded,
    Event,
    ManifestRendered,
    Operation,
    OperationRequested,
    Phase,
    TenantDeleted,
)
from shared.subjects import Mode

_ACTIONS: Mapping[Operation, Literal["deploy", "stop", "delete"]] = {
    Operation.DELETE: "delete",
    Operation.STOP: "stop",
    Operation.START: "deploy",
    Operation.RESTART: "deploy",
    Operation.ROLLBACK: "deploy",
}


class Handlers:
    """What the deployer's two consumers do."""

    def __init__(
        self,
        states: Mapping[Mode, StateRepository],
        targets: TargetClusters,
        notice: Callable[[Mode, DesiredState, TenantRecords | None], None],
        repeat_end: Callable[[Mode, DesiredState, TenantRecords], Awaitable[None]],
    ) -> None:
        """`notice` hears of what was written, to begin at once; other copies find it by themselves.

        `repeat_end` hears of what was known before, and publishes its end again if it has one.
        """
        self._states = states
        self._targets = targets
        self._notice = notice
        self._repeat_end = repeat_end

    async def accept_manifest(self, event: ManifestRendered, delivery: Delivery) -> list[Event]:
        """A manifest is to be deployed."""
        try:
            self._targets.check(delivery.mode, event.deployment.target)
        except UnknownTarget as error:
            return [_failed(event.tenant_id, event.deployment, error)]
        return await self._want(_desired(event, delivery, action="deploy", digest=event.digest), delivery.mode)

    async def accept_operation(self, event: OperationRequested, delivery: Delivery) -> list[Event]:
        """A tenant is to be stopped or deleted, or to run a manifest that it had, in new pods or in those there are."""
        if (refusal := _refusal(event)) is not None:
            return [_failed(event.tenant_id, event.deployment, refusal, event.operation)]
        try:
            self._targets.check(delivery.mode, event.deployment.target)
        except UnknownTarget as unknown:
            if event.operation is Operation.DELETE:
                return await self._delete_from_nowhere(event, delivery, unknown)
            return [_failed(event.tenant_id, event.deployment, unknown, event.operation)]
        restarts = event.operation is Operation.RESTART
        fields = event.model_dump(include={"operation", "digest", "to", "force"})
        # The event's own time: it is the same however often the event comes, or is published again.
        fields["restarted_at"] = (delivery.sent or delivery.time).replace(microsecond=0) if restarts else None
        return await self._want(_desired(event, delivery, action=_ACTIONS[event.operation], **fields), delivery.mode)

    async def _want(self, wanted: DesiredState, mode: Mode) -> list[Event]:
        outcome = await self._states[mode].want(wanted)
        if isinstance(outcome, HigherGeneration):
            return [_superseded(wanted, outcome)]
        # One that comes again may find the records of what came after it, or none.
        is_current = outcome.desired is not None and outcome.desired.generation == wanted.generation
        self._notice(mode, wanted, outcome if is_current else None)
        await self._repeat_end(mode, wanted, outcome)
        return []

    async def _delete_from_nowhere(
        self, event: OperationRequested, delivery: Delivery, error: UnknownTarget
    ) -> list[Event]:
        """Nothing can be left of a tenant on a target that was never there; one that has been there may hold much."""
        deployment = event.deployment
        if await self._states[delivery.mode].has_records(state_key(deployment.target, event.tenant_id)):
            return [_failed(event.tenant_id, deployment, error, event.operation)]
        return [
            TenantDeleted(
                tenant_id=event.tenant_id, deletion_id=deployment.deployment_id, generation=deployment.generation
            )
        ]


def _desired(event: ManifestRendered | OperationRequested, delivery: Delivery, **fields: Any) -> DesiredState:
    return DesiredState.model_validate(
        {
            **event.deployment.model_dump(),
            "tenant_id": event.tenant_id,
            "correlation_id": delivery.correlation_id,
            "traceparent": delivery.traceparent,
            **fields,
        }
    )


def _refusal(event: OperationRequested) -> PermanentError | None:
    """Why an operation can't be done, whatever the state of the tenant."""
    if event.operation not in _ACTIONS:
        return PermanentError(f"the operation {event.operation.value!r} is not possible", code="OPERATION_UNSUPPORTED")
    if _ACTIONS[event.operation] == "deploy" and event.digest is None:
        return PermanentError(f"a {event.operation.value} needs the digest of a manifest", code="MANIFEST_INVALID")
    return None


def _failed(
    tenant_id: str, deployment: DeploymentContext, error: PermanentError, operation: Operation | None = None
) -> DeployFailed:
    return DeployFailed(
        tenant_id=tenant_id,
        operation=operation,
        **deployment.model_dump(include={"deployment_id", "generation", "target"}),
        message=error.message,
        phase=Phase.CREATING_NAMESPACE,
        progress=STARTED,
        code=error.code,
    )


def _superseded(wanted: DesiredState, newer: HigherGeneration) -> DeploySuperseded:
    return DeploySuperseded(
        **wanted.model_dump(include={"tenant_id", "deployment_id", "generation", "target", "operation"}),
        message=f"generation {newer.generation} has taken its place",
        phase=Phase.CREATING_NAMESPACE,
        progress=STARTED,
        superseded_by=newer.generation,
    )

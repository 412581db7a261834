"""Turns events into desired state. Nothing here waits for a cluster: the controller acts on what was written.

A generation below the highest is answered with `deploy.superseded`; the same one again changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from services.deployer.cluster.targets import TargetClusters, UnknownTarget
from services.deployer.state.generations import HigherGeneration
from services.deployer.state.progress_report import INITIAL_PROGRESS
from services.deployer.state.records import DesiredState, state_key
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

_ACTIONS: Mapping[Operation, Literal["deploy", "stop", "delete"]] = {
    Operation.DELETE: "delete",
    Operation.STOP: "stop",
    Operation.START: "deploy",
    Operation.RESTART: "deploy",
    Operation.ROLLBACK: "deploy",
    Operation.ADOPT: "deploy",
}


class Handlers:
    """The handlers of the deployer's two consumers, for one mode."""

    def __init__(
        self,
        states: StateRepository,
        clusters: TargetClusters,
        enqueue: Callable[[DesiredState, TenantRecords | None], None],
        repeat_end: Callable[[DesiredState, TenantRecords], Awaitable[None]],
    ) -> None:
        """`enqueue` starts the work in this replica at once; others find it by watching the bucket.

        `repeat_end` publishes the generation's final event again, if it has one.
        """
        self._states = states
        self._clusters = clusters
        self._enqueue = enqueue
        self._repeat_end = repeat_end

    async def accept_manifest(self, event: ManifestRendered, delivery: Delivery) -> list[Event]:
        """Desire the deployment of a rendered manifest."""
        try:
            self._clusters.check(event.deployment.target)
        except UnknownTarget as error:
            return [_failed(event.tenant_id, event.deployment, error)]
        return await self._desire(_desired(event, delivery, action="deploy", digest=event.digest))

    async def accept_operation(self, event: OperationRequested, delivery: Delivery) -> list[Event]:
        """Desire what the operation results in: a stop, a deletion, or a manifest that was deployed before."""
        if (refusal := _refusal(event)) is not None:
            return [_failed(event.tenant_id, event.deployment, refusal, event.operation)]
        if event.operation is Operation.CANCEL:
            return await self._cancel(event, delivery)
        try:
            self._clusters.check(event.deployment.target)
        except UnknownTarget as unknown:
            if event.operation is Operation.DELETE:
                return await self._delete_from_unknown_target(event, unknown)
            return [_failed(event.tenant_id, event.deployment, unknown, event.operation)]
        restarts = event.operation is Operation.RESTART
        fields = event.model_dump(include={"operation", "digest", "to", "force"})
        # The event's own time: equal in every delivery, and when the event is published again.
        fields["restarted_at"] = (delivery.sent or delivery.time).replace(microsecond=0) if restarts else None
        return await self._desire(_desired(event, delivery, action=_ACTIONS[event.operation], **fields))

    async def _cancel(self, event: OperationRequested, delivery: Delivery) -> list[Event]:
        """Desire that the generation ends where it is. It keeps its id and reports its own end.

        A generation that isn't known yet ends at once, and its manifest is ignored when it arrives. One that has ended
        or was superseded has reported that, and isn't changed.
        """
        wanted = _desired(event, delivery, action="deploy", cancelled=True)
        outcome = await self._states.set_desired(wanted)
        known = outcome.desired if isinstance(outcome, TenantRecords) else None
        if isinstance(outcome, TenantRecords) and known is not None and known.generation == wanted.generation:
            self._enqueue(known, outcome)
            await self._repeat_end(known, outcome)
        return []

    async def _desire(self, wanted: DesiredState) -> list[Event]:
        outcome = await self._states.set_desired(wanted)
        if isinstance(outcome, HigherGeneration):
            return [_superseded(wanted, outcome)]
        # A repeated event may find the records of a later generation, or none.
        known = outcome.desired
        is_current = known is not None and known.generation == wanted.generation
        stored = known if known is not None and is_current else wanted
        self._enqueue(stored, outcome if is_current else None)
        await self._repeat_end(stored, outcome)
        return []

    async def _delete_from_unknown_target(self, event: OperationRequested, error: UnknownTarget) -> list[Event]:
        """Deleting from an unknown target succeeds if nothing was ever recorded there."""
        deployment = event.deployment
        if await self._states.has_records(state_key(deployment.target, event.tenant_id)):
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
    """Why an operation is impossible, regardless of the tenant's state."""
    needs_manifest = _ACTIONS.get(event.operation) == "deploy" and event.operation is not Operation.ADOPT
    if needs_manifest and event.digest is None:
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
        progress=INITIAL_PROGRESS,
        code=error.code,
    )


def _superseded(wanted: DesiredState, higher: HigherGeneration) -> DeploySuperseded:
    return DeploySuperseded(
        **wanted.model_dump(include={"tenant_id", "deployment_id", "generation", "target", "operation"}),
        message=f"generation {higher.generation} has taken its place",
        phase=Phase.CREATING_NAMESPACE,
        progress=INITIAL_PROGRESS,
        superseded_by=higher.generation,
    )

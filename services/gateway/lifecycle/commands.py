"""Requests rollbacks, starts, stops and restarts: a generation, a row and an event in one transaction.

Unlike a deploy, nothing is sized or rendered: the manifest is a stored one, and the request goes directly to the
deployer. A start first checks that there is room, because a stopped tenant occupies none.
"""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.recording import record
from services.gateway.deployments import repository as deployments
from services.gateway.deployments.new_deployment import NewDeployment, deployment_values, operation_requested
from services.gateway.deployments.requests import request_deployment
from services.gateway.http import request_context
from services.gateway.http.language import translator
from services.gateway.idempotency.transaction import CallKey, first_answer, idempotent
from services.gateway.lifecycle import rules
from services.gateway.lifecycle.rules import ManifestChoice, PastOperation, TenantHistory
from services.gateway.lifecycle.schemas import OperationAccepted
from services.gateway.mode_context import ModeContext
from services.gateway.tenants import repository
from services.gateway.tenants.admission import Admission
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.rules import status_while_deploying
from services.gateway.tenants.targets import TargetChoice
from services.gateway.tenants.transactions import changeable
from shared.events import Operation
from shared.messages import Sentence
from shared.rpc import RoomRequest

_log = structlog.get_logger(__name__)
RECORDED_AS = {
    Operation.ROLLBACK: "rollBackTenant",
    Operation.START: "startTenant",
    Operation.STOP: "stopTenant",
    Operation.RESTART: "restartTenant",
}
"""What the audit trail calls them."""


class LifecycleCommands:
    """The operations of one mode. Each raises Refused, or DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._outbox = context.outbox
        self._targets = TargetChoice(context.mode, context.settings.has_kubernetes)
        self._admission = Admission(context.workers, context.catalog)

    async def request(
        self, tenant_id: str, operation: Operation, key: CallKey | None, deployment_id: str | None = None
    ) -> OperationAccepted:
        """Request the operation of the deployer. `deployment_id` is the one that a rollback returns to."""
        if answered := await first_answer(self._database, key, OperationAccepted):
            return answered
        admitted = await self._admit_start(tenant_id) if operation is Operation.START else ()
        with request_context.timed("database"):
            async with idempotent(self._database, key, OperationAccepted) as call:
                if call.first_answer is not None:
                    return call.first_answer
                # The generation comes first, because its row lock serializes the operations on a tenant.
                generation = await repository.next_generation(call.connection, tenant_id)
                row = changeable(await repository.find_tenant(call.connection, tenant_id, lock=True), tenant_id)
                choice = await _choose(call.connection, row, operation, deployment_id)
                deployment = self._new_deployment(row, generation, choice)
                await self._write(call.connection, row, operation, deployment, choice)
                answer = call.keep(_answer(row, operation, deployment, choice, admitted))
        request_context.current().tenant_id = tenant_id
        _log.info(
            f"Tenant {operation.value} requested",
            action=f"{operation.value}-requested",
            tenant_id=tenant_id,
            deployment_id=answer.deployment_id,
        )
        return answer

    async def _admit_start(self, tenant_id: str) -> tuple[Sentence, ...]:
        """Notes on the room for a start. Before the transaction, because no lock should wait for a worker."""
        async with self._database.begin() as connection:
            row = changeable(await repository.find_tenant(connection, tenant_id), tenant_id)
            choice = await _choose(connection, row, Operation.START, None)
        target, _ = self._targets.choose(None, row.target)
        room = RoomRequest(target=target, tenant_id=tenant_id, digest=choice.digest)
        return await self._admission.admit(room, row.stored_options)

    def _new_deployment(self, row: TenantRow, generation: int, choice: ManifestChoice) -> NewDeployment:
        target, _ = self._targets.choose(None, row.target)
        return NewDeployment.with_new_id(
            "dep",
            generation=generation,
            revision=choice.source.revision if choice.source else row.revision,
            target=target,
            options=row.stored_options,
        )

    async def _write(
        self,
        connection: AsyncConnection,
        row: TenantRow,
        operation: Operation,
        deployment: NewDeployment,
        choice: ManifestChoice,
    ) -> None:
        status = row.status if operation is Operation.STOP else status_while_deploying(row.status)
        changes = {"status": status, "generation": deployment.generation}
        await repository.update_tenant(connection, row.id, changes)
        values = deployment_values(row.id, deployment, operation) | {"digest": choice.digest}
        to = choice.source.generation if choice.source else None
        requested = operation_requested(row.tenant_id, deployment, operation, digest=choice.digest, to=to)
        await request_deployment(connection, self._outbox, values, requested)
        await record(
            connection,
            RECORDED_AS[operation],
            tenant_id=row.tenant_id,
            deployment_id=deployment.deployment_id,
            before={"status": row.status, "revision": row.revision},
            after={"status": status, "revision": deployment.revision, "digest": choice.digest},
        )


async def _choose(
    connection: AsyncConnection, row: TenantRow, operation: Operation, deployment_id: str | None
) -> ManifestChoice:
    rows = await deployments.list_history(connection, row.id)
    operations = [PastOperation(**each._mapping) for each in rows]
    return rules.choose(operation, TenantHistory(row.tenant_id, row.status, row.revision, operations), deployment_id)


def _answer(
    row: TenantRow,
    operation: Operation,
    deployment: NewDeployment,
    choice: ManifestChoice,
    admitted: tuple[Sentence, ...],
) -> OperationAccepted:
    source = choice.source
    return OperationAccepted(
        tenant_id=row.tenant_id,
        deployment_id=deployment.deployment_id,
        status="pending",
        generation=deployment.generation,
        target=deployment.target,
        notes=translator().sentences((*choice.notes, *admitted)),
        operation=operation,
        digest=choice.digest,
        to_deployment_id=source.deployment_id if source else None,
        to_generation=source.generation if source else None,
        revision=deployment.revision,
    )

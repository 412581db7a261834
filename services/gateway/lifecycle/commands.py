"""Rolls back, starts, stops and restarts tenants: a generation, a row and an event in one transaction, or nothing.

Unlike a deploy, nothing is sized or rendered: the manifest is one that is kept, and the deployer is
asked at once. A start asks for room first, since a stopped tenant has none.
"""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import repository as deployment_store
from services.gateway.http import request_context
from services.gateway.idempotency.calls import Once, claim, recall, remember
from services.gateway.lifecycle import rules as lifecycle
from services.gateway.lifecycle.rules import Choice, Past, State
from services.gateway.lifecycle.schemas import OperationAccepted
from services.gateway.tenants import repository as store
from services.gateway.tenants import rules as tenancy
from services.gateway.tenants.admission import Admission
from services.gateway.tenants.repository import TenantRow
from services.gateway.tenants.rules import RollOut, Targets
from services.gateway.tenants.transactions import changeable, new_id, request, stored_options
from shared.database import Databases
from shared.events import Operation
from shared.rpc import RoomRequest
from shared.subjects import Mode

_log = structlog.get_logger(__name__)


class Operations:
    """Each raises Refused, or DependencyUnavailable when PostgreSQL is away."""

    def __init__(self, databases: Databases, targets: Targets, admission: Admission) -> None:
        self._databases = databases
        self._targets = targets
        self._admission = admission

    async def operate(
        self, mode: Mode, tenant_id: str, operation: Operation, call: Once | None, deployment_id: str | None = None
    ) -> OperationAccepted:
        """Ask for the operation; `deployment_id` chooses where a rollback goes."""
        admitted = await self._admit_start(mode, tenant_id, call) if operation is Operation.START else ()
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                if answered := await claim(connection, call, OperationAccepted):
                    return answered
                # The generation first: its row's lock puts the operations on a tenant in an order.
                generation = await store.next_generation(connection, tenant_id)
                row = changeable(await store.find_tenant(connection, tenant_id, lock=True), tenant_id)
                choice = await self._choose(connection, row, operation, deployment_id)
                choice = choice._replace(notes=(*choice.notes, *admitted))
                target, _ = self._targets.choose(mode, None, row.target)
                roll_out = _roll_out(mode, row, generation, target, choice)
                await _write(connection, row, operation, roll_out, choice)
                answer = await remember(connection, call, _answer(row, operation, roll_out, choice))
        request_context.current().tenant_id = tenant_id
        _log.info(
            f"The {operation.value} of a tenant is asked for.",
            action=f"{operation.value}-requested",
            tenant_id=tenant_id,
            deployment_id=answer.deployment_id,
        )
        return answer

    async def _admit_start(self, mode: Mode, tenant_id: str, call: Once | None) -> tuple[str, ...]:
        """Notes on the room for what a start would run; before the transaction, since no lock waits for a worker."""
        async with self._databases[mode].begin() as connection:
            if await recall(connection, call, OperationAccepted) is not None:
                return ()
            row = changeable(await store.find_tenant(connection, tenant_id), tenant_id)
            choice = await self._choose(connection, row, Operation.START, None)
        target, _ = self._targets.choose(mode, None, row.target)
        digest = choice.source.digest if choice.source else None
        return await self._admission.admit(
            mode, RoomRequest(target=target, tenant_id=tenant_id, digest=digest), stored_options(row)
        )

    async def _choose(
        self, connection: AsyncConnection, row: TenantRow, operation: Operation, deployment_id: str | None
    ) -> Choice:
        rows = await deployment_store.list_history(connection, row.id)
        history = [Past(**each._mapping) for each in rows]
        return lifecycle.choose(operation, State(row.tenant_id, row.status, row.revision, history), deployment_id)


async def _write(
    connection: AsyncConnection, row: TenantRow, operation: Operation, roll_out: RollOut, choice: Choice
) -> None:
    status = row.status if operation is Operation.STOP else tenancy.status_while_deploying(row.status)
    await store.update_tenant(connection, row.id, {"status": status, "generation": roll_out.generation})
    source = choice.source
    values = tenancy.deployment_values(row.id, roll_out, operation)
    asked = tenancy.operation_requested(
        row.tenant_id,
        roll_out,
        operation,
        digest=source.digest if source else None,
        to=source.generation if source else None,
    )
    await request(connection, roll_out.mode, values | {"digest": source.digest if source else None}, asked)


def _roll_out(mode: Mode, row: TenantRow, generation: int, target: str, choice: Choice) -> RollOut:
    return RollOut(
        mode=mode,
        deployment_id=new_id("dep"),
        generation=generation,
        revision=choice.source.revision if choice.source else row.revision,
        target=target,
        options=stored_options(row),
        correlation_id=request_context.current().request_id,
    )


def _answer(row: TenantRow, operation: Operation, roll_out: RollOut, choice: Choice) -> OperationAccepted:
    source = choice.source
    return OperationAccepted(
        tenant_id=row.tenant_id,
        deployment_id=roll_out.deployment_id,
        status="pending",
        generation=roll_out.generation,
        target=roll_out.target,
        notes=list(choice.notes),
        operation=operation,
        digest=source.digest if source else None,
        to_deployment_id=source.deployment_id if source else None,
        to_generation=source.generation if source else None,
        revision=roll_out.revision,
    )

"""The inside of an operation's transaction: generation, rows and events, in this order.

Whoever writes takes the generation first. Its row's lock is what puts the operations on a tenant in an order, also
before the tenant exists and after it is gone.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import repository as deployment_store
from services.gateway.http import request_context
from services.gateway.http.errors import conflict, tenant_not_found
from services.gateway.outbox import repository as outbox_store
from services.gateway.tenants import repository as store
from services.gateway.tenants import rules as tenancy
from services.gateway.tenants.repository import TenantRow
from services.gateway.tenants.rules import RollOut
from shared import events
from shared.bus import Encoded, derived_id, encode
from shared.errors import Refused
from shared.events import DeployOptions, Event, Operation
from shared.sizing import Sizing
from shared.subjects import Mode
from shared.tenants import TenantSpec

SERVICE = "gateway"


class OutdatedError(Exception):
    """The tenant has changed since it was read: the operation has to be worked out anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation is to write."""

    mode: Mode
    spec: TenantSpec
    sizing: Sizing
    target: str
    options: DeployOptions
    deploys: bool
    revises: bool
    """Whether the tenant itself changes; otherwise it is deployed as it is."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    deployment_id: str | None
    generation: int
    revision: int
    status: str
    time: datetime


async def insert_tenant(connection: AsyncConnection, plan: Plan) -> Written:
    """A new tenant. Raises Refused (TENANT_ALREADY_EXISTS) if its id is taken."""
    tenant_id = plan.spec.tenant_id
    generation = await store.next_generation(connection, tenant_id)
    roll_out = _roll_out(plan, generation, 1)
    values = tenancy.tenant_values(plan.spec, plan.sizing) | {
        "tenant_id": tenant_id,
        "is_demo": plan.mode is Mode.DEMO,
        "status": "pending",
        "generation": generation,
        "target": roll_out.target if roll_out else None,
        "options": plan.options.model_dump(),
    }
    made = await store.insert_tenant(connection, values)
    if made is None:
        await refuse_taken(connection, tenant_id)
        raise conflict(f"tenant {tenant_id!r} has just been deleted; try again", tenant_id=tenant_id)
    row_id, created_at = made
    created = events.TenantCreated(tenant_id=tenant_id, spec=plan.spec, revision=1)
    await store.insert_services(connection, row_id, tenancy.service_rows(plan.sizing))
    await _write_roll_out_and_events(connection, plan, row_id, roll_out, [created])
    return Written(roll_out.deployment_id if roll_out else None, generation, 1, "pending", created_at)


async def revise_tenant(connection: AsyncConnection, seen: TenantRow, plan: Plan) -> Written:
    """A tenant that exists. Raises OutdatedError if it isn't any more what `seen` says."""
    generation = await store.next_generation(connection, seen.tenant_id)
    row = changeable(await store.find_tenant(connection, seen.tenant_id, lock=True), seen.tenant_id)
    if (row.id, row.revision, row.target) != (seen.id, seen.revision, seen.target):
        raise OutdatedError
    revision = row.revision + 1 if plan.revises else row.revision
    roll_out = _roll_out(plan, generation, revision)
    status = tenancy.status_while_deploying(row.status) if plan.deploys else row.status
    values = {
        "generation": generation,
        "revision": revision,
        "status": status,
        "target": roll_out.target if roll_out else row.target,
        "options": plan.options.model_dump(),
    }
    time = await store.update_tenant(connection, row.id, tenancy.tenant_values(plan.spec, plan.sizing) | values)
    updated = events.TenantUpdated(tenant_id=row.tenant_id, spec=plan.spec, revision=revision)
    await store.replace_services(connection, row.id, tenancy.service_rows(plan.sizing))
    await _write_roll_out_and_events(connection, plan, row.id, roll_out, [updated] if plan.revises else [])
    return Written(roll_out.deployment_id if roll_out else None, generation, revision, status, time)


async def mark_for_deletion(
    connection: AsyncConnection, mode: Mode, tenant_id: str, default_target: str, *, force: bool
) -> tuple[TenantRow, str]:
    """The tenant and the id of its deletion: a new one, or the one under way unless this one is to be forced."""
    # A number that no operation uses does no harm: they only have to rise.
    generation = await store.next_generation(connection, tenant_id)
    row = await store.find_tenant(connection, tenant_id, lock=True)
    if row is None:
        raise tenant_not_found(tenant_id)
    latest = await store.latest_deployment_id(connection, row.id)
    if row.status == "deleting" and latest is not None and not force:
        return row, latest
    roll_out = RollOut(
        mode=mode,
        deployment_id=new_id("del"),
        generation=generation,
        revision=row.revision,
        target=row.target or default_target,
        options=stored_options(row),
        correlation_id=request_context.current().request_id,
    )
    await store.update_tenant(connection, row.id, {"status": "deleting", "generation": generation})
    values = tenancy.deployment_values(row.id, roll_out, Operation.DELETE)
    await request(
        connection, mode, values, tenancy.operation_requested(tenant_id, roll_out, Operation.DELETE, force=force)
    )
    return row, roll_out.deployment_id


async def refuse_taken(connection: AsyncConnection, tenant_id: str) -> None:
    """Raise Refused if there is a tenant of this id."""
    row = await store.find_tenant(connection, tenant_id)
    if row is not None:
        advice = "wait until it is gone" if row.status == "deleting" else "change it by PUT"
        raise Refused(
            f"tenant {tenant_id!r} exists already and is {row.status}; {advice}, or choose another id",
            code="TENANT_ALREADY_EXISTS",
            details={"tenant_id": tenant_id, "existing_status": row.status},
        )


def changeable(row: TenantRow | None, tenant_id: str) -> TenantRow:
    """The row, if it is there and not on its way out. Raises Refused otherwise."""
    if row is None:
        raise tenant_not_found(tenant_id)
    if row.status == "deleting":
        raise conflict(f"tenant {tenant_id!r} is being deleted; wait until it is gone", existing_status=row.status)
    return row


def stored_options(row: TenantRow) -> DeployOptions:
    """How the tenant was deployed last."""
    return DeployOptions.model_validate(row.options or {})


async def _write_roll_out_and_events(
    connection: AsyncConnection, plan: Plan, row_id: int, roll_out: RollOut | None, facts: list[Event]
) -> None:
    await outbox_store.add_events(connection, [_encoded(plan.mode, event) for event in facts])
    if roll_out is not None:
        values = tenancy.deployment_values(row_id, roll_out)
        await request(connection, plan.mode, values, tenancy.deploy_requested(plan.spec, roll_out))


async def request(connection: AsyncConnection, mode: Mode, values: Mapping[str, Any], event: Event) -> None:
    """The row of a deployment, and the event that asks for it, which the row keeps: `republish` may need it again."""
    encoded = _encoded(mode, event)
    await deployment_store.insert_deployment(connection, {**values, "request": stored_request(encoded)})
    await outbox_store.add_events(connection, [encoded])


def stored_request(event: Encoded) -> dict[str, Any]:
    """An event as the column `request` has it."""
    return {"subject": event.subject, "headers": event.headers, "body": event.body.decode()}


def _encoded(mode: Mode, event: Event) -> Encoded:
    """An event that becomes true with this transaction."""
    correlation_id = request_context.current().request_id
    return encode(
        event,
        mode=mode,
        event_id=derived_id(correlation_id, event.subject, secrets.token_hex(8)),
        correlation_id=correlation_id,
        source=SERVICE,
    )


def _roll_out(plan: Plan, generation: int, revision: int) -> RollOut | None:
    if not plan.deploys:
        return None
    return RollOut(
        mode=plan.mode,
        deployment_id=new_id("dep"),
        generation=generation,
        revision=revision,
        target=plan.target,
        options=plan.options,
        correlation_id=request_context.current().request_id,
    )


def new_id(kind: str) -> str:
    """`dep-0123456789ab`."""
    return f"{kind}-{secrets.token_hex(6)}"

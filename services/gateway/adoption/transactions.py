"""Writes the tenant of an adoption, and requests the adoption of the deployer, in one transaction.

An adoption that failed or was cancelled leaves a tenant that can't be deployed, and whose deletion would delete what
was adopted until then. Adopting again therefore goes on with that tenant.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.access.grants import grant_creator
from services.gateway.audit.recording import record
from services.gateway.deployments.new_deployment import NewDeployment, deployment_values, operation_requested
from services.gateway.deployments.repository import list_history
from services.gateway.deployments.requests import request_deployment
from services.gateway.http.errors import conflict
from services.gateway.mode_context import ModeContext
from services.gateway.tenants import repository
from services.gateway.tenants.requests import SizedRequest
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.rules import service_rows, tenant_values
from services.gateway.tenants.transactions import recorded_request, recorded_row, refuse_existing
from shared import events
from shared.events import Operation

_BROKEN_OFF = frozenset({"failed", "cancelled"})


async def tenant_of_earlier(connection: AsyncConnection, tenant_id: str, *, lock: bool = False) -> TenantRow | None:
    """The tenant of an earlier adoption that didn't complete; None if the id isn't in use.

    Raises Refused (TENANT_ALREADY_EXISTS) for any other tenant.
    """
    row = await repository.find_tenant(connection, tenant_id, lock=lock)
    if row is not None and not await _was_broken_off(connection, row):
        await refuse_existing(connection, tenant_id)
    return row


async def store(connection: AsyncConnection, context: ModeContext, request: SizedRequest) -> NewDeployment:
    """Insert the tenant, or change that of an earlier adoption, and request the adoption.

    Raises Refused (TENANT_ALREADY_EXISTS) for any other tenant, or CONFLICT if it has just been deleted.
    """
    spec = request.spec
    generation = await repository.next_generation(connection, spec.tenant_id)
    earlier = await tenant_of_earlier(connection, spec.tenant_id, lock=True)
    revision = earlier.revision + 1 if earlier is not None else 1
    deployment = NewDeployment.with_new_id(
        "dep", generation=generation, revision=revision, target=request.target, options=request.options
    )
    values = tenant_values(spec, request.sizing) | {
        "status": "pending",
        "generation": generation,
        "revision": revision,
        "target": request.target,
        "options": request.options.model_dump(),
    }
    if earlier is None:
        row_id = await _insert(connection, context, spec.tenant_id, values)
    else:
        row_id = earlier.id
        await repository.update_tenant(connection, row_id, values)
    await repository.replace_services(connection, row_id, service_rows(request.sizing))
    kind = events.TenantCreated if earlier is None else events.TenantUpdated
    told = kind(tenant_id=spec.tenant_id, spec=spec, revision=revision, sizing=request.sizing)
    await context.outbox.add(connection, told)
    requested = operation_requested(spec.tenant_id, deployment, Operation.ADOPT)
    row = deployment_values(row_id, deployment, Operation.ADOPT)
    await request_deployment(connection, context.outbox, row, requested)
    await record(
        connection,
        "adoptNamespace",
        tenant_id=spec.tenant_id,
        deployment_id=deployment.deployment_id,
        before=recorded_row(earlier) if earlier is not None else None,
        after={**recorded_request(request, revision), "target": request.target},
    )
    return deployment


async def _insert(connection: AsyncConnection, context: ModeContext, tenant_id: str, values: Mapping[str, Any]) -> int:
    row = {**values, "tenant_id": tenant_id, "is_demo": context.is_demo}
    inserted = await repository.insert_tenant(connection, row)
    if inserted is None:
        await refuse_existing(connection, tenant_id)
        message = f"tenant {tenant_id!r} has just been deleted; try again"
        raise conflict("tenant-just-deleted", message, tenant_id=tenant_id)
    await grant_creator(connection, inserted[0])
    return inserted[0]


async def _was_broken_off(connection: AsyncConnection, row: TenantRow) -> bool:
    """Whether all that was ever requested of the tenant are adoptions, and none of them completed or is in progress."""
    history = await list_history(connection, row.id)
    broken_off = (each.operation == Operation.ADOPT and each.status in _BROKEN_OFF for each in history)
    return row.status != "deleting" and bool(history) and all(broken_off)

"""Events into rows. Each may come twice and in any order: rows change only by what is newer (`apply_update`).

An event of a tenant or deployment that isn't there (deleted meanwhile, or another system's) is logged and dropped.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import projection
from services.gateway.deployments import repository as deployment_store
from services.gateway.deployments.projection import Update
from services.gateway.tenants import repository as store
from services.gateway.tenants import rules as tenancy
from shared.bus import Delivery
from shared.database import Databases
from shared.events import (
    DeadLetter,
    DeployDrifted,
    DeployFailed,
    DeploySuperseded,
    Event,
    ResourcesCalculated,
    SlaReported,
    TenantDeleted,
)
from shared.subjects import (
    EARLIER_INTAKE,
    GATEWAY_INGESTS_OUTSIDE,
    GATEWAY_PROJECTS,
    MONITOR_INGESTS_OUTSIDE,
    MONITOR_STORES,
)

_log = structlog.get_logger(__name__)
_HARMLESS = frozenset(
    (
        EARLIER_INTAKE,
        GATEWAY_PROJECTS.name,
        MONITOR_STORES.name,
        GATEWAY_INGESTS_OUTSIDE.name,
        MONITOR_INGESTS_OUTSIDE.name,
    )
)
"""Consumers whose failure stops no deployment: they only watch, or refuse another system, whatever it names."""

ObserveDuration = Callable[[str, str, float], None]
"""Takes the tenant id, the preset and the seconds that a deployment took."""


async def project(event: Event, delivery: Delivery, *, databases: Databases, observe: ObserveDuration) -> None:
    """Bring the rows up to an event."""
    async with databases[delivery.mode].begin() as connection:
        if isinstance(event, ResourcesCalculated) and event.revision is not None:
            await _store_sizing(connection, event)
        if isinstance(event, DeploySuperseded):
            # After a restore the numbers here may be lower than what the deployer has seen.
            await store.raise_generation(connection, event.tenant_id, event.superseded_by)
        update = projection.read_update(event)
        if isinstance(event, DeployDrifted) and update is not None:
            await _keep_drift(connection, update, event, delivery)
        elif update is not None:
            await _apply(connection, update, event, delivery, observe)
        if isinstance(event, TenantDeleted):
            await _remove_tenant(connection, event)


async def keep_sla(event: SlaReported, delivery: Delivery, *, databases: Databases) -> None:
    """Keep what was last said of a tenant's SLA. By its own time: sequences begin anew with a new stream."""
    async with databases[delivery.mode].begin() as connection:
        if not await store.update_sla(connection, event.tenant_id, event.model_dump(mode="json"), event.time):
            _drop(event, "its tenant isn't there, or a later report is")


async def fail_dead_letter(letter: DeadLetter, delivery: Delivery, *, databases: Databases) -> list[Event]:
    """Say that the deployment has failed which a dead letter belongs to, if it hasn't ended.

    Said as an event rather than written, so that rows and sockets learn it the one way they learn everything.
    """
    deployment_id = _deployment_of(letter)
    if deployment_id is None or letter.consumer in _HARMLESS:
        return []
    async with databases[delivery.mode].begin() as connection:
        row = await deployment_store.find_deployment(connection, deployment_id)
    if row is None or row.status in projection.ENDED:
        return []
    message = f"{letter.consumer} could not handle {letter.subject}: {letter.reason}"
    failed = DeployFailed(
        tenant_id=row.tenant_name,
        deployment_id=deployment_id,
        generation=row.generation,
        target=row.target,
        message=message,
        phase=row.phase,
        progress=row.progress,
        code=letter.code,
    )
    return [failed]


async def _apply(
    connection: AsyncConnection, update: Update, event: Event, delivery: Delivery, observe: ObserveDuration
) -> None:
    row = await deployment_store.lock_deployment(connection, update.deployment_id)
    if row is None:
        _drop(event, "its deployment isn't there", deployment_id=update.deployment_id)
        return
    if row.repeats and projection.is_passed(row.progress, update):
        return  # a step of a request that was published again, and that the deployment made long ago
    await deployment_store.insert_event(connection, _event_values(update, delivery))
    if not projection.is_step_forward(row.status, update):
        return
    place = (delivery.sequence, delivery.time)
    if not await deployment_store.apply_update(connection, update.deployment_id, place, _row_values(update)):
        return
    status = projection.tenant_status(row.operation, update)
    if status is not None:
        await deployment_store.follow_deployment(connection, update.deployment_id, status)
    if update.status == "completed" and row.status not in projection.ENDED and row.operation == "deploy":
        observe(row.tenant_name, row.preset, (datetime.now(UTC) - row.created_at).total_seconds())


async def _keep_drift(connection: AsyncConnection, update: Update, event: DeployDrifted, delivery: Delivery) -> None:
    """Beside the deployment's own state, which is over."""
    if await deployment_store.lock_deployment(connection, update.deployment_id) is None:
        _drop(event, "its deployment isn't there", deployment_id=update.deployment_id)
        return
    await deployment_store.insert_event(connection, _event_values(update, delivery))
    fields = {"sequence", "message", "drift", "heals", "next_heal"}
    drift = {**event.model_dump(mode="json", include=fields), "time": delivery.time.isoformat()}
    await deployment_store.keep_drift(connection, update.deployment_id, drift)


async def _store_sizing(connection: AsyncConnection, event: ResourcesCalculated) -> None:
    row = await store.find_tenant(connection, event.tenant_id, lock=True)
    # An earlier tenant of this id had a revision of the same number.
    if row is None or row.revision != event.revision or tenancy.spec_of_row(row) != event.spec:
        _drop(event, "its tenant isn't there, or has gone on", revision=event.revision)
        return
    if row.sizing == event.sizing.model_dump(mode="json"):
        return  # as it was stored with the tenant
    await store.update_sizing(connection, row.id, tenancy.sizing_values(event.sizing))
    await store.replace_services(connection, row.id, tenancy.service_rows(event.sizing))


async def _remove_tenant(connection: AsyncConnection, event: TenantDeleted) -> None:
    if await store.delete_tenant(connection, event.tenant_id, event.generation):
        _log.info("A tenant is deleted.", action="tenant-deleted", tenant_id=event.tenant_id)
    else:
        _drop(event, "its tenant isn't there, or an operation came after the deletion")


def _row_values(update: Update) -> dict[str, Any]:
    values = {
        "status": update.status,
        "message": update.message,
        "phase": update.phase,
        "progress": update.progress,
        "error_code": update.error_code,
        "digest": update.digest,
        "resources": [each.model_dump(exclude_none=True) for each in update.resources] or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _event_values(update: Update, delivery: Delivery) -> dict[str, Any]:
    return {
        "deployment_id": update.deployment_id,
        "seq": delivery.sequence,
        "event_id": delivery.event_id,
        "subject": delivery.subject,
        "time": delivery.time,
        "status": update.status,
        "phase": update.phase,
        "progress": update.progress,
        "level": update.level,
        "message": update.message,
        "error_code": update.error_code,
        "resources": [each.model_dump(exclude_none=True) for each in update.resources],
        "correlation_id": delivery.correlation_id,
    }


def _deployment_of(letter: DeadLetter) -> str | None:
    """The deployment that an event names, wherever its model has it."""
    body = letter.body or {}
    context = body.get("deployment")
    found = body.get("deployment_id") or (context.get("deployment_id") if isinstance(context, dict) else None)
    return found if isinstance(found, str) and found else None


def _drop(event: Event, reason: str, **more: Any) -> None:
    _log.info(f"{event.subject} is dropped: {reason}.", action="drop-event", tenant_id=event.tenant_id, **more)

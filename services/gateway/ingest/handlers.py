"""The workers' events into rows. An event may be delivered twice and in any order: only a later one changes a row.

An event of an unknown tenant or deployment (deleted, or another system's) is logged and dropped.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import projection
from services.gateway.deployments import repository as deployments
from services.gateway.deployments.projection import Update
from services.gateway.deployments.steps import apply_step
from services.gateway.durations import repository as durations
from services.gateway.ingest.recorded import record_deletion, record_drift
from services.gateway.mode_context import ModeContexts
from services.gateway.tenants import repository as tenants
from services.gateway.tenants import rules
from shared.bus import Delivery
from shared.database import Database
from shared.events import (
    DeadLetter,
    DeployCancelled,
    DeployDrifted,
    DeployFailed,
    DeploySuperseded,
    Event,
    ResourcesCalculated,
    SlaReported,
    TenantDeleted,
)
from shared.events.statuses import ENDED, TenantStatus
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
"""Consumers whose failure stops no deployment: they observe, or refuse another system, whatever its event names."""

ObserveDuration = Callable[[str, str, float], None]
"""Takes the tenant id, the preset and the seconds that a deployment took."""


async def project(event: Event, delivery: Delivery, *, modes: ModeContexts, observe: ObserveDuration) -> None:
    """Apply an event to the rows."""
    database = modes[delivery.mode].database
    if isinstance(event, ResourcesCalculated) and event.revision is not None:
        await _store_sizing(database, event)
    update = projection.read_update(event)
    if update is None or not update.is_step:
        await _change_rows(database, update, event, delivery, observe)
    elif not await apply_step(database, update, delivery):
        _drop(event, "its deployment doesn't exist", deployment_id=update.deployment_id)


async def store_sla(event: SlaReported, delivery: Delivery, *, modes: ModeContexts) -> None:
    """Store the latest report by its own time, because a new stream starts its sequences from 1."""
    database = modes[delivery.mode].database
    if not await tenants.update_sla(database, event.tenant_id, event.model_dump_json(), event.time):
        _drop(event, "its tenant doesn't exist, or a later report is stored")


async def fail_dead_letter(letter: DeadLetter, delivery: Delivery, *, modes: ModeContexts) -> list[Event]:
    """Report the deployment of a dead letter as failed, unless it has ended.

    As an event instead of an update, so that rows and sockets learn it in the same way as everything else.
    """
    deployment_id = _deployment_of(letter)
    if deployment_id is None or letter.consumer in _HARMLESS:
        return []
    async with modes[delivery.mode].database.begin() as connection:
        row = await deployments.find_deployment(connection, deployment_id)
    if row is None or row.status in ENDED:
        return []
    failed = DeployFailed(
        tenant_id=row.tenant_name,
        deployment_id=deployment_id,
        generation=row.generation,
        target=row.target,
        message=f"{letter.consumer} could not handle {letter.subject}: {letter.reason}",
        phase=row.phase,
        progress=row.progress,
        code=letter.code,
    )
    return [failed]


async def _change_rows(
    database: Database, update: Update | None, event: Event, delivery: Delivery, observe: ObserveDuration
) -> None:
    """What an event that is no step changes, in one transaction: also rows of the tenant."""
    async with database.begin() as connection:
        if isinstance(event, DeploySuperseded):
            # After a restore from a backup, generations here may be lower than those of the deployer.
            await tenants.raise_generation(connection, event.tenant_id, event.superseded_by)
        if isinstance(event, DeployDrifted) and update is not None:
            await _store_drift(connection, update, event, delivery)
        elif update is not None:
            await _apply_end(connection, update, event, delivery, observe)
        if isinstance(event, TenantDeleted):
            await _delete_tenant(connection, event, delivery)


async def _apply_end(
    connection: AsyncConnection, update: Update, event: Event, delivery: Delivery, observe: ObserveDuration
) -> None:
    row = await deployments.lock_deployment(connection, update.deployment_id)
    if row is None:
        _drop(event, "its deployment doesn't exist", deployment_id=update.deployment_id)
        return
    await deployments.insert_event(connection, _event_values(update, delivery))
    if not projection.is_step_forward(row.status, update):
        return
    place = (delivery.sequence, delivery.time)
    if not await deployments.apply_end(connection, update.deployment_id, place, _row_values(update)):
        return
    status = await _tenant_status(connection, row, event, update)
    if status is not None:
        await deployments.follow_deployment(connection, update.deployment_id, status)
    if projection.is_success(row.operation, update) and row.status not in ENDED and not row.repeats:
        await durations.record(connection, update.deployment_id, delivery.time)
    if update.status == "completed" and row.status not in ENDED and row.operation == "deploy":
        observe(row.tenant_name, row.preset, (datetime.now(UTC) - row.created_at).total_seconds())


async def _tenant_status(
    connection: AsyncConnection, row: Row[Any], event: Event, update: Update
) -> TenantStatus | None:
    """The tenant's status after an update of its latest operation; None leaves it unchanged."""
    if not isinstance(event, DeployCancelled) or event.changed:
        return projection.tenant_status(row.operation, update.status)
    history = await deployments.list_history(connection, row.owner_id)
    return projection.status_before((each.operation, each.status) for each in history)


async def _store_drift(connection: AsyncConnection, update: Update, event: DeployDrifted, delivery: Delivery) -> None:
    """Drift doesn't change the deployment's status, which is terminal."""
    if await deployments.lock_deployment(connection, update.deployment_id) is None:
        _drop(event, "its deployment doesn't exist", deployment_id=update.deployment_id)
        return
    if await deployments.insert_event(connection, _event_values(update, delivery)):
        await record_drift(connection, event, delivery)
    fields = {"sequence", "message", "drift", "heals", "next_heal"}
    drift = {**event.model_dump(mode="json", include=fields), "time": delivery.time.isoformat()}
    await deployments.store_drift(connection, update.deployment_id, drift)


async def _store_sizing(database: Database, event: ResourcesCalculated) -> None:
    if await tenants.has_sizing(database, event.tenant_id, event.revision, event.sizing.model_dump_json()):
        return  # stored with the tenant
    async with database.begin() as connection:
        row = await tenants.find_tenant(connection, event.tenant_id, lock=True)
        # Compare the specification too: an earlier tenant with this id may have had the same revision.
        if row is None or row.revision != event.revision or rules.spec_of_row(row) != event.spec:
            _drop(event, "its tenant doesn't exist, or has a later revision", revision=event.revision)
            return
        await tenants.update_sizing(connection, row.id, rules.sizing_values(event.sizing))
        await tenants.replace_services(connection, row.id, rules.service_rows(event.sizing))


async def _delete_tenant(connection: AsyncConnection, event: TenantDeleted, delivery: Delivery) -> None:
    if await tenants.delete_tenant(connection, event.tenant_id, event.generation):
        await record_deletion(connection, event, delivery)
        _log.info("Tenant deleted", action="tenant-deleted", tenant_id=event.tenant_id)
    else:
        _drop(event, "its tenant doesn't exist, or a later operation was requested")


def _row_values(update: Update) -> dict[str, Any]:
    values = {
        "status": update.status,
        "message": update.message,
        "phase": update.phase,
        "progress": update.progress,
        "error_code": update.error_code,
        "digest": update.digest,
        "resources": update.written_resources or None,
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
        "resources": update.written_resources,
        "correlation_id": delivery.correlation_id,
    }


def _deployment_of(letter: DeadLetter) -> str | None:
    """The deployment id in an event's body, at the top or in its deployment context."""
    body = letter.body or {}
    context = body.get("deployment")
    found = body.get("deployment_id") or (context.get("deployment_id") if isinstance(context, dict) else None)
    return found if isinstance(found, str) and found else None


def _drop(event: Event, reason: str, **more: Any) -> None:
    _log.info(f"Dropped {event.subject}: {reason}", action="drop-event", tenant_id=event.tenant_id, **more)

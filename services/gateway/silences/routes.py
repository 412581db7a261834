"""`/api/v1/tenants/{id}/silences` and `/api/v1/tenants/{id}/maintenance/recurring`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from services.gateway.http.parameters import LONGEST_ID, IdempotencyKey, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.transaction import call_key
from services.gateway.mode_context import CurrentMode
from services.gateway.silences.commands import SilenceCommands
from services.gateway.silences.queries import SilenceQueries
from services.gateway.silences.schemas import (
    PreviewedSilence,
    RecurringMaintenanceBody,
    RecurringMaintenanceList,
    SilenceBody,
    SilenceList,
)
from shared.rpc.silences import RecurringMaintenance, Silence

router = APIRouter(prefix="/tenants/{tenant_id}")
_READ = answers("TENANT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE")
_READ_ONE = answers("TENANT_NOT_FOUND", "NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE")
_CHANGE = answers("TENANT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True)
_ID = "^[a-z0-9-]+$"
SilencePath = Annotated[
    str,
    Path(pattern=_ID, max_length=LONGEST_ID, description="The silence's id", examples=["silence-0123456789ab"]),
]
RecurringPath = Annotated[
    str,
    Path(
        pattern=_ID,
        max_length=LONGEST_ID,
        description="The id of maintenance that repeats",
        examples=["recurring-0123456789ab"],
    ),
]


async def _queries(context: CurrentMode) -> SilenceQueries:
    return SilenceQueries(context)


async def _commands(context: CurrentMode) -> SilenceCommands:
    return SilenceCommands(context)


Queries = Annotated[SilenceQueries, Depends(_queries)]
Commands = Annotated[SilenceCommands, Depends(_commands)]


@router.get("/silences", tags=["incidents"], summary="List silences", responses=_READ)
async def list_silences(tenant_id: TenantPath, queries: Queries) -> SilenceList:
    """With the alerts that each mutes now, and the next times of those that repeat."""
    return await queries.list(tenant_id)


@router.post("/silences", status_code=201, tags=["incidents"], summary="Create a silence", responses=_CHANGE)
async def create_silence(
    tenant_id: TenantPath, silence: SilenceBody, commands: Commands, idempotency_key: IdempotencyKey = None
) -> Silence:
    """In the caller's name. Muted alerts are shown and stored as all others, and aren't notified of."""
    key = call_key(f"POST /tenants/{tenant_id}/silences", idempotency_key, silence)
    return await commands.create(tenant_id, silence, key)


@router.post(
    "/silences/preview",
    tags=["incidents"],
    summary="Preview a silence",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True),
)
async def preview_silence(
    tenant_id: TenantPath,
    silence: SilenceBody,
    queries: Queries,
    days: Annotated[int, Query(ge=1, le=90, description="Days of the past that are looked at")] = 30,
) -> PreviewedSilence:
    """How many alerts of the past it would have muted. Nothing is stored."""
    return await queries.preview(tenant_id, silence, days)


@router.get("/silences/{silence_id}", tags=["incidents"], summary="Get a silence", responses=_READ_ONE)
async def get_silence(tenant_id: TenantPath, silence_id: SilencePath, queries: Queries) -> Silence:
    """With the alerts that it mutes now."""
    return await queries.one(tenant_id, silence_id)


@router.delete("/silences/{silence_id}", tags=["incidents"], summary="End a silence", responses=_READ_ONE)
async def end_silence(tenant_id: TenantPath, silence_id: SilencePath, commands: Commands) -> Silence:
    """Ends now, also if it repeats. What it mutes and still fires is notified of."""
    return await commands.end(tenant_id, silence_id)


@router.get("/maintenance/recurring", tags=["sla"], summary="List recurring maintenance", responses=_READ)
async def list_recurring_maintenance(tenant_id: TenantPath, queries: Queries) -> RecurringMaintenanceList:
    """With the next windows that are announced."""
    return await queries.recurring(tenant_id)


@router.post(
    "/maintenance/recurring",
    status_code=201,
    tags=["sla"],
    summary="Announce recurring maintenance",
    responses=_CHANGE,
)
async def announce_recurring_maintenance(
    tenant_id: TenantPath,
    maintenance: RecurringMaintenanceBody,
    commands: Commands,
    idempotency_key: IdempotencyKey = None,
) -> RecurringMaintenance:
    """Each occurrence becomes a maintenance window five weeks before it begins, and mutes the tenant's alerts."""
    key = call_key(f"POST /tenants/{tenant_id}/maintenance/recurring", idempotency_key, maintenance)
    return await commands.announce(tenant_id, maintenance, key)


@router.delete(
    "/maintenance/recurring/{recurring_id}",
    tags=["sla"],
    summary="Cancel recurring maintenance",
    responses=_READ_ONE,
)
async def cancel_recurring_maintenance(
    tenant_id: TenantPath, recurring_id: RecurringPath, commands: Commands
) -> RecurringMaintenanceList:
    """With its windows that haven't begun."""
    return await commands.cancel(tenant_id, recurring_id)

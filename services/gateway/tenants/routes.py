"""`/api/v1/tenants/...`: create, read, change and delete tenants, and size without storing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.gateway.http.language import translator
from services.gateway.http.parameters import IdempotencyKey, Limit, Skip, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.transaction import call_key
from services.gateway.mode_context import CurrentMode
from services.gateway.tenants.commands import TenantCommands
from services.gateway.tenants.queries import TenantQueries
from services.gateway.tenants.schemas import (
    TenantChange,
    TenantChanged,
    TenantCreate,
    TenantCreated,
    TenantDeletion,
    TenantDetail,
    TenantList,
    TenantPatch,
)
from services.gateway.tenants.sizing_schemas import CalculatedResources, CalculateResources
from shared.events.statuses import TenantStatus

router = APIRouter(prefix="/tenants", tags=["tenants"])
_CHANGE_ANSWERS = answers(
    "TENANT_NOT_FOUND",
    "INVALID_PRESET",
    "CONFLICT",
    "INSUFFICIENT_RESOURCES",
    "DATABASE_ERROR",
    "WORKER_UNAVAILABLE",
    body=True,
)
_PATCH_SCHEMA = {"$ref": "#/components/schemas/TenantPatch"}


async def _commands(context: CurrentMode) -> TenantCommands:
    return TenantCommands(context)


async def _queries(context: CurrentMode) -> TenantQueries:
    return TenantQueries(context)


Commands = Annotated[TenantCommands, Depends(_commands)]
Queries = Annotated[TenantQueries, Depends(_queries)]


@router.get("/", summary="List tenants", responses=answers("INVALID_PRESET", "DATABASE_ERROR"))
async def list_tenants(
    queries: Queries,
    *,
    skip: Skip = 0,
    limit: Limit = 100,
    preset: Annotated[str | None, Query(description="Only tenants of this preset")] = None,
    status: Annotated[TenantStatus | None, Query(description="Only tenants with this status")] = None,
) -> TenantList:
    """A page of the mode's tenants, newest first."""
    return await queries.list(skip=skip, limit=limit, preset=preset, status=status)


@router.post(
    "/",
    status_code=201,
    summary="Create a tenant",
    responses=answers(
        "TENANT_ALREADY_EXISTS",
        "INVALID_PRESET",
        "CONFLICT",
        "INSUFFICIENT_RESOURCES",
        "DATABASE_ERROR",
        "WORKER_UNAVAILABLE",
        body=True,
    ),
)
async def create_tenant(
    request: TenantCreate, commands: Commands, idempotency_key: IdempotencyKey = None
) -> TenantCreated:
    """Sizes and stores the tenant, and starts its deployment unless `deploy` is false."""
    return await commands.create(request, call_key("POST /tenants/", idempotency_key, request))


@router.post(
    "/calculate-resources",
    summary="Calculate resources",
    responses=answers("INVALID_PRESET", "WORKER_UNAVAILABLE", body=True),
)
async def calculate_resources(request: CalculateResources, queries: Queries) -> CalculatedResources:
    """Sizes services without a tenant. Nothing is stored."""
    sizing = await queries.calculate(request)
    return CalculatedResources.model_validate(translator().translated(sizing.model_dump()))


@router.get("/{tenant_id}", summary="Get a tenant", responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"))
async def get_tenant(tenant_id: TenantPath, queries: Queries) -> TenantDetail:
    """A tenant with its services, resources and SLA target."""
    return await queries.detail(tenant_id)


@router.put("/{tenant_id}", status_code=202, summary="Change a tenant", responses=_CHANGE_ANSWERS)
async def change_tenant(tenant_id: TenantPath, change: TenantChange, commands: Commands) -> TenantChanged:
    """Absent fields stay unchanged, given ones replace the whole field. The new revision is sized and deployed."""
    return await commands.change(tenant_id, change)


@router.patch(
    "/{tenant_id}",
    status_code=202,
    summary="Change parts of a tenant",
    responses=_CHANGE_ANSWERS,
    openapi_extra={"requestBody": {"content": {"application/merge-patch+json": {"schema": _PATCH_SCHEMA}}}},
)
async def patch_tenant(
    tenant_id: TenantPath, patch: TenantPatch, commands: Commands, idempotency_key: IdempotencyKey = None
) -> TenantChanged:
    """A merge patch (RFC 7396): nested fields merge, null removes an entry or resets a field. Otherwise as PUT."""
    return await commands.change(tenant_id, patch, call_key(f"PATCH /tenants/{tenant_id}", idempotency_key, patch))


@router.delete(
    "/{tenant_id}",
    status_code=202,
    summary="Delete a tenant",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def delete_tenant(
    tenant_id: TenantPath,
    commands: Commands,
    force: Annotated[bool, Query(description="Don't wait for finalizers")] = False,
) -> TenantDeletion:
    """Deletes it from its target, then from the database. `force` doesn't wait for finalizers."""
    return await commands.delete(tenant_id, force=force)

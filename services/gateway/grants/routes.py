"""The routes `/api/v1/me` and `/api/v1/tenants/{id}/access`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from services.gateway.access.permissions import general_permissions
from services.gateway.access.visibility import visible_tenants
from services.gateway.grants.commands import LONGEST_SUBJECT, AccessCommands
from services.gateway.grants.schemas import GrantedKind, Me, TenantAccess
from services.gateway.http import request_context
from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["access"])
_CODES = ("TENANT_NOT_FOUND", "DATABASE_ERROR")
Subject = Annotated[
    str,
    Path(
        description="The `sub` of a token, the id of a key, or the name of a system",
        examples=["248289761001"],
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_SUBJECT},
    ),
]
Kind = Annotated[GrantedKind, Query(description="What the subject is")]


async def _commands(context: CurrentMode) -> AccessCommands:
    return AccessCommands(context)


Commands = Annotated[AccessCommands, Depends(_commands)]


@router.get("/me", summary="Get the caller", responses=answers("DATABASE_ERROR"))
async def get_me(_mode: CurrentMode) -> Me:
    """Its role, and the tenants that it may see in the request's mode."""
    caller = request_context.current().caller
    return Me(
        subject=caller.subject,
        kind=caller.kind,
        role=caller.role,
        email=caller.email,
        tenants=visible_tenants(),
        permissions=general_permissions(caller),
    )


@router.get("/tenants/{tenant_id}/access", summary="List who was given a tenant", responses=answers(*_CODES))
async def list_tenant_access(tenant_id: TenantPath, commands: Commands) -> TenantAccess:
    """Its creator, and those to whom an administrator gave it."""
    return await commands.list(tenant_id)


@router.put(
    "/tenants/{tenant_id}/access/{subject:path}",
    summary="Give a tenant to a caller",
    responses=answers("CONFLICT", *_CODES),
)
async def grant_tenant_access(
    tenant_id: TenantPath, subject: Subject, commands: Commands, kind: Kind = "person"
) -> TenantAccess:
    """The caller's role decides what it may do with it. The grant ends with the tenant."""
    return await commands.grant(tenant_id, kind, subject)


@router.delete(
    "/tenants/{tenant_id}/access/{subject:path}",
    summary="Take a tenant from a caller",
    responses=answers("NOT_FOUND", *_CODES),
)
async def revoke_tenant_access(
    tenant_id: TenantPath, subject: Subject, commands: Commands, kind: Kind = "person"
) -> TenantAccess:
    """It applies to the caller's next call. A token or key that names the tenant still gives access."""
    return await commands.revoke(tenant_id, kind, subject)

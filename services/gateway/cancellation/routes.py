"""The routes `/api/v1/deployments/{id}/cancel` and `/api/v1/tenants/{id}/cancel`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.cancellation.commands import CancellationCommands
from services.gateway.cancellation.schemas import CancelAccepted
from services.gateway.http.parameters import DeploymentPath, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["deployments"])


async def _commands(context: CurrentMode) -> CancellationCommands:
    return CancellationCommands(context)


Commands = Annotated[CancellationCommands, Depends(_commands)]


@router.post(
    "/deployments/{deployment_id}/cancel",
    status_code=202,
    summary="Cancel an operation",
    responses=answers("DEPLOYMENT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR"),
)
async def cancel_deployment(deployment_id: DeploymentPath, commands: Commands) -> CancelAccepted:
    """Ends it where it is, as `cancelled`: what was applied stays, and `on_failure` isn't acted on."""
    return await commands.cancel(deployment_id)


@router.post(
    "/tenants/{tenant_id}/cancel",
    status_code=202,
    summary="Cancel a tenant's latest operation",
    responses=answers("TENANT_NOT_FOUND", "DEPLOYMENT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR"),
)
async def cancel_latest_deployment(tenant_id: TenantPath, commands: Commands) -> CancelAccepted:
    """Ends the operation that `deployment-status` shows, as `POST /deployments/{id}/cancel` does."""
    return await commands.cancel_latest(tenant_id)

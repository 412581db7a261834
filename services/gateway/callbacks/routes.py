"""`POST /api/v1/tenants/{id}/deployment-status`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.callbacks.commands import CallbackCommands
from services.gateway.callbacks.schemas import DeploymentReport, DeploymentReported
from services.gateway.http.parameters import IdempotencyKey, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.transaction import call_key
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["deployments"])


async def _commands(context: CurrentMode) -> CallbackCommands:
    return CallbackCommands(context)


@router.post(
    "/tenants/{tenant_id}/deployment-status",
    summary="Report a deployment's result",
    responses=answers("TENANT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", body=True),
)
async def report_deployment(
    tenant_id: TenantPath,
    report: DeploymentReport,
    commands: Annotated[CallbackCommands, Depends(_commands)],
    idempotency_key: IdempotencyKey = None,
) -> DeploymentReported:
    """The call-back of a CI pipeline. Recorded beside what is observed; a contradiction is answered and shown."""
    key = call_key(f"POST /tenants/{tenant_id}/deployment-status", idempotency_key, report)
    return await commands.record(tenant_id, report, key)

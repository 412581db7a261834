"""The routes `/api/v1/tenants/{id}/deploy`, `/rollback`, `/start`, `/stop` and `/restart`.

Each is a deployment with an id of its own, and the one with the highest generation wins.
"""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.http.parameters import IdempotencyKey, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.transaction import call_key
from services.gateway.lifecycle.commands import LifecycleCommands
from services.gateway.lifecycle.schemas import OperationAccepted, RollbackRequest
from services.gateway.mode_context import CurrentMode
from services.gateway.tenants.commands import TenantCommands
from services.gateway.tenants.schemas import DeployAccepted, DeployRequest
from shared.events import Operation

router = APIRouter(prefix="/tenants/{tenant_id}", tags=["deployments"])
_ANSWERS = answers("TENANT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR")


async def _commands(context: CurrentMode) -> LifecycleCommands:
    return LifecycleCommands(context)


async def _tenants(context: CurrentMode) -> TenantCommands:
    return TenantCommands(context)


Commands = Annotated[LifecycleCommands, Depends(_commands)]


@router.post(
    "/deploy",
    status_code=202,
    summary="Deploy the current revision",
    responses=answers(
        "TENANT_NOT_FOUND", "CONFLICT", "INSUFFICIENT_RESOURCES", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True
    ),
)
async def deploy_tenant(
    tenant_id: TenantPath,
    tenants: Annotated[TenantCommands, Depends(_tenants)],
    request: DeployRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> DeployAccepted:
    """Deploys the tenant as it is stored, for the first time or again."""
    request = request or DeployRequest()
    key = call_key(f"POST /tenants/{tenant_id}/deploy", idempotency_key, request)
    return await tenants.deploy(tenant_id, request, key)


@router.post(
    "/rollback",
    status_code=202,
    summary="Roll a tenant back",
    responses=answers("TENANT_NOT_FOUND", "DEPLOYMENT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", body=True),
)
async def roll_back_tenant(
    tenant_id: TenantPath,
    commands: Commands,
    request: RollbackRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> OperationAccepted:
    """Runs an earlier manifest again, and ends as `rolled_back`. The tenant's specification stays unchanged."""
    request = request or RollbackRequest()
    key = call_key(f"POST /tenants/{tenant_id}/rollback", idempotency_key, request)
    return await commands.request(tenant_id, Operation.ROLLBACK, key, request.deployment_id)


@router.post(
    "/start",
    status_code=202,
    summary="Start a stopped tenant",
    responses=answers("TENANT_NOT_FOUND", "CONFLICT", "INSUFFICIENT_RESOURCES", "DATABASE_ERROR"),
)
async def start_tenant(
    tenant_id: TenantPath, commands: Commands, idempotency_key: IdempotencyKey = None
) -> OperationAccepted:
    """Runs the manifest that was healthy last. A deploy or a change starts a stopped tenant, too."""
    key = call_key(f"POST /tenants/{tenant_id}/start", idempotency_key, None)
    return await commands.request(tenant_id, Operation.START, key)


@router.post("/stop", status_code=202, summary="Stop a tenant", responses=_ANSWERS)
async def stop_tenant(
    tenant_id: TenantPath, commands: Commands, idempotency_key: IdempotencyKey = None
) -> OperationAccepted:
    """Ends all its pods. Volumes and configuration stay."""
    key = call_key(f"POST /tenants/{tenant_id}/stop", idempotency_key, None)
    return await commands.request(tenant_id, Operation.STOP, key)


@router.post("/restart", status_code=202, summary="Restart a tenant", responses=_ANSWERS)
async def restart_tenant(
    tenant_id: TenantPath, commands: Commands, idempotency_key: IdempotencyKey = None
) -> OperationAccepted:
    """Replaces its pods one after the other, without downtime if there are enough replicas."""
    key = call_key(f"POST /tenants/{tenant_id}/restart", idempotency_key, None)
    return await commands.request(tenant_id, Operation.RESTART, key)

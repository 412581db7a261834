"""`/api/v1/tenants/{id}/rollback`, `/start`, `/stop` and `/restart`

Each is a deployment of its own: its id goes where a deploy's goes, and the newest one wins.
"""

from fastapi import APIRouter

from services.gateway.http.parameters import IdempotencyKey, InMode, PartsOf, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.calls import once
from services.gateway.lifecycle.schemas import OperationAccepted, RollbackRequest
from shared.events import Operation

router = APIRouter(prefix="/tenants/{tenant_id}", tags=["deployments"])
_ANSWERS = answers("TENANT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR")


@router.post(
    "/rollback",
    status_code=202,
    summary="Roll a tenant back",
    responses=answers("TENANT_NOT_FOUND", "DEPLOYMENT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", body=True),
)
async def roll_back(
    tenant_id: TenantPath,
    parts: PartsOf,
    mode: InMode,
    request: RollbackRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> OperationAccepted:
    """Runs an earlier manifest again, and ends as `rolled_back`. What the tenant asks for stays as it is."""
    request = request or RollbackRequest()
    call = once(f"POST /tenants/{tenant_id}/rollback", idempotency_key, request)
    return await parts.operations.operate(mode, tenant_id, Operation.ROLLBACK, call, request.deployment_id)


@router.post(
    "/start",
    status_code=202,
    summary="Start a stopped tenant",
    responses=answers("TENANT_NOT_FOUND", "CONFLICT", "INSUFFICIENT_RESOURCES", "DATABASE_ERROR"),
)
async def start(
    tenant_id: TenantPath, parts: PartsOf, mode: InMode, idempotency_key: IdempotencyKey = None
) -> OperationAccepted:
    """Runs the manifest that was healthy last. A deploy or a change starts a stopped tenant, too."""
    call = once(f"POST /tenants/{tenant_id}/start", idempotency_key, None)
    return await parts.operations.operate(mode, tenant_id, Operation.START, call)


@router.post("/stop", status_code=202, summary="Stop a tenant", responses=_ANSWERS)
async def stop(
    tenant_id: TenantPath, parts: PartsOf, mode: InMode, idempotency_key: IdempotencyKey = None
) -> OperationAccepted:
    """Ends all its pods. Volumes and configuration stay."""
    call = once(f"POST /tenants/{tenant_id}/stop", idempotency_key, None)
    return await parts.operations.operate(mode, tenant_id, Operation.STOP, call)


@router.post("/restart", status_code=202, summary="Restart a tenant", responses=_ANSWERS)
async def restart(
    tenant_id: TenantPath, parts: PartsOf, mode: InMode, idempotency_key: IdempotencyKey = None
) -> OperationAccepted:
    """Replaces its pods one after the other, without downtime where there are replicas enough."""
    call = once(f"POST /tenants/{tenant_id}/restart", idempotency_key, None)
    return await parts.operations.operate(mode, tenant_id, Operation.RESTART, call)

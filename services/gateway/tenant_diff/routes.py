"""The route `/api/v1/tenants/{id}/diff`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from services.gateway.tenant_diff.queries import TenantDiffQueries
from services.gateway.tenant_diff.schemas import TenantDiff

router = APIRouter(tags=["deployments"])


async def _queries(context: CurrentMode) -> TenantDiffQueries:
    return TenantDiffQueries(context)


@router.get(
    "/tenants/{tenant_id}/diff",
    summary="Get what a deployment would change",
    responses=answers(
        "TENANT_NOT_FOUND",
        "INVALID_PRESET",
        "MANIFEST_INVALID",
        "KUBERNETES_ERROR",
        "DATABASE_ERROR",
        "DEPENDENCY_UNAVAILABLE",
        "WORKER_UNAVAILABLE",
    ),
)
async def get_tenant_diff(
    tenant_id: TenantPath, queries: Annotated[TenantDiffQueries, Depends(_queries)]
) -> TenantDiff:
    """Compares the current revision with its cluster by a dry run: fields with old and new value, and who owns them."""
    return await queries.of_tenant(tenant_id)

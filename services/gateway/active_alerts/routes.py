"""`GET /api/v1/tenants/{id}/alerts/active`. Included before the alerts by name."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.active_alerts.queries import ActiveAlertQueries
from services.gateway.active_alerts.schemas import ActiveAlerts
from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["alerts"])


async def _queries(context: CurrentMode) -> ActiveAlertQueries:
    return ActiveAlertQueries(context)


@router.get(
    "/tenants/{tenant_id}/alerts/active",
    summary="List active alerts",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def list_active_alerts(
    tenant_id: TenantPath, queries: Annotated[ActiveAlertQueries, Depends(_queries)]
) -> ActiveAlerts:
    """The alerts of the tenant that fire now, muted ones too; the critical ones first, then the newest."""
    return await queries.of_tenant(tenant_id)

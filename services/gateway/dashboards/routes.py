"""`/api/v1/monitoring/system` and `/api/v1/operations/dashboard`: everything at a glance, and nothing made up."""

from fastapi import APIRouter

from services.gateway.dashboards.schemas import OperationsDashboard, SystemMetrics
from services.gateway.http.parameters import InMode, PartsOf
from services.gateway.http.schemas import answers

router = APIRouter(tags=["operations"])


@router.get(
    "/monitoring/system",
    summary="The cluster's resources, and how much of them is taken",
    responses=answers("DATABASE_ERROR", "WORKER_UNAVAILABLE", "KUBERNETES_ERROR"),
)
async def get_system(parts: PartsOf, mode: InMode) -> SystemMetrics:
    """Of the mode's cluster: what its nodes have, and what pods have asked for."""
    return await parts.dashboards.system(mode)


@router.get("/operations/dashboard", summary="The state of everything", responses=answers("DATABASE_ERROR"))
async def get_dashboard(parts: PartsOf, mode: InMode) -> OperationsDashboard:
    """What isn't known is null; a component that doesn't answer is critical, and the rest is shown."""
    return await parts.dashboards.operations(mode)

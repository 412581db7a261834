"""The routes `/api/v1/monitoring/system` and `/api/v1/operations/dashboard`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.dashboards.queries import DashboardQueries
from services.gateway.dashboards.schemas import OperationsDashboard, SystemMetrics
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["operations"])


async def _queries(context: CurrentMode) -> DashboardQueries:
    return DashboardQueries(context)


Queries = Annotated[DashboardQueries, Depends(_queries)]


@router.get(
    "/monitoring/system",
    summary="Get the cluster's resources",
    responses=answers("DATABASE_ERROR", "WORKER_UNAVAILABLE", "KUBERNETES_ERROR"),
)
async def get_system_metrics(queries: Queries) -> SystemMetrics:
    """What the nodes of the mode's cluster have, and how much of it pods request."""
    return await queries.system()


@router.get("/operations/dashboard", summary="Get the operations dashboard", responses=answers("DATABASE_ERROR"))
async def get_operations_dashboard(queries: Queries) -> OperationsDashboard:
    """The state of the whole system. Unknown values are null; a component that doesn't answer is critical."""
    return await queries.operations()

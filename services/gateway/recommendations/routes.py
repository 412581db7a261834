"""The route `/api/v1/tenants/{id}/recommendation`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from services.gateway.recommendations.queries import RecommendationQueries
from services.gateway.recommendations.schemas import RecommendationAsked, TenantRecommendation

router = APIRouter(prefix="/tenants/{tenant_id}/recommendation", tags=["recommendations"])


async def _queries(context: CurrentMode) -> RecommendationQueries:
    return RecommendationQueries(context)


@router.post(
    "",
    summary="Recommend resource requests",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True),
)
async def recommend_resources(
    tenant_id: TenantPath,
    queries: Annotated[RecommendationQueries, Depends(_queries)],
    asked: RecommendationAsked | None = None,
) -> TenantRecommendation:
    """CPU p95, memory maximum + 15 %, 1.2 times the limit after an OOM; beside the present ones. Nothing is changed."""
    asked = asked or RecommendationAsked()
    return await queries.recommend(tenant_id, asked.usage, asked.hours)

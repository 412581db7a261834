"""`/api/v1/tenants/{id}/recommendation`"""

from fastapi import APIRouter

from services.gateway.http.parameters import InMode, PartsOf, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.recommendations.queries import Recommendations
from services.gateway.recommendations.schemas import RecommendationAsked, TenantRecommendation

router = APIRouter(prefix="/tenants/{tenant_id}/recommendation", tags=["tenants"])


@router.post(
    "",
    summary="What it should request, going by what it uses",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True),
)
async def recommend(
    tenant_id: TenantPath, parts: PartsOf, mode: InMode, asked: RecommendationAsked | None = None
) -> TenantRecommendation:
    """CPU p95, memory's maximum + 15 %, 1.2 times the limit after an OOM; beside today's. Nothing is changed."""
    asked = asked or RecommendationAsked()
    return await Recommendations(parts.queries, parts.questions).recommend(mode, tenant_id, asked.usage, asked.hours)

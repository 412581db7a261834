"""New requests for a tenant, from what its pods were seen to use.

A caller that knows each service's use (from Prometheus, say) sends it. Otherwise the monitor's samples of the whole
tenant are taken: they are percent of what all its pods request, so each service is held to have used that much of its
own.
"""

from collections.abc import Mapping

from services.gateway.http import request_context
from services.gateway.http.language import chosen
from services.gateway.recommendations.schemas import TenantRecommendation
from services.gateway.tenants import rules as tenancy
from services.gateway.tenants.queries import Queries
from services.gateway.workers import Questions
from shared.errors import Refused
from shared.rpc import RecommendRequest, Usage
from shared.sizing import Sizing
from shared.subjects import Mode
from shared.texts import Text, problem


class Recommendations:
    """Asks the calculator, with the tenant's own sizing as today's."""

    def __init__(self, queries: Queries, questions: Questions) -> None:
        self._queries = queries
        self._questions = questions

    async def recommend(
        self, mode: Mode, tenant_id: str, usage: Mapping[str, Usage], hours: int
    ) -> TenantRecommendation:
        """Raises Refused where nothing was measured, DependencyUnavailable when a worker or PostgreSQL is away."""
        row = await self._queries.tenant(mode, tenant_id)
        if row.sizing:
            sizing = Sizing.model_validate(row.sizing)
        else:
            sizing = await self._questions.size_spec(mode, tenancy.spec_of_row(row))
        basis = "request" if usage else f"monitoring, {hours} h"
        used = dict(usage) or await self._observed(mode, tenant_id, sizing, hours)
        found = await self._questions.recommend(mode, RecommendRequest(sizing=sizing, usage=used))
        said = chosen(found.model_dump(), request_context.current().language)
        return TenantRecommendation(tenant_id=tenant_id, basis=basis, **said)

    async def _observed(self, mode: Mode, tenant_id: str, sizing: Sizing, hours: int) -> dict[str, Usage]:
        _, cpus = await self._queries.monitoring(mode, tenant_id, metric="cpu", hours=hours, interval="5m")
        _, memories = await self._queries.monitoring(mode, tenant_id, metric="memory", hours=hours, interval="1h")
        cpu = [point["value"] / 100 for point in cpus.metrics.get("cpu", [])]
        memory = memories.summary.get("max_memory")
        if not cpu and memory is None:
            said = Text(
                f"nothing was measured of {tenant_id} in the last {hours} h: send `usage` by service",
                f"최근 {hours}시간 동안 {tenant_id}의 측정값이 없습니다. 서비스별 `usage`를 보내세요",
            )
            raise Refused(said.en, details={"errors": [problem("usage", said)]})
        return {
            each.service: Usage(
                cpu_m=tuple(part * each.cpu_request_m for part in cpu),
                memory_mib=() if memory is None else (memory / 100 * each.memory_request_mib,),
            )
            for each in sizing.services
        }

"""Recommended requests for a tenant's pods, from their measured use.

A caller that knows the use of each service (for example from Prometheus) sends it. Otherwise the monitor's samples of
the whole tenant are used: they are in percent of the total requests of its pods, so each service is assumed to use the
same share of its own requests.
"""

from collections.abc import Mapping

from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.monitoring.queries import MetricsQueries
from services.gateway.recommendations.schemas import TenantRecommendation
from services.gateway.tenants.queries import TenantQueries
from shared.errors import Refused
from shared.messages import problem, sentence
from shared.rpc import RecommendRequest, Usage
from shared.sizing import Sizing


class RecommendationQueries:
    """Recommendations of one mode, answered by the calculator."""

    def __init__(self, context: ModeContext) -> None:
        self._tenants = TenantQueries(context)
        self._metrics = MetricsQueries(context)
        self._workers = context.workers

    async def recommend(self, tenant_id: str, usage: Mapping[str, Usage], hours: int) -> TenantRecommendation:
        """Recommend requests from `usage`, or from the samples of the last `hours` if it is empty.

        Raises Refused if there are no measurements, DependencyUnavailable while a worker or PostgreSQL is away.
        """
        row = await self._tenants.row(tenant_id)
        sizing = await self._tenants.sizing_of(row)
        basis = "request" if usage else f"monitoring, {hours} h"
        used = dict(usage) or await self._observed(tenant_id, sizing, hours)
        recommendation = await self._workers.recommend(RecommendRequest(sizing=sizing, usage=used))
        fields = translator().translated(recommendation.model_dump())
        return TenantRecommendation(tenant_id=tenant_id, basis=basis, **fields)

    async def _observed(self, tenant_id: str, sizing: Sizing, hours: int) -> dict[str, Usage]:
        _, cpus = await self._metrics.series(tenant_id, metric="cpu", hours=hours, interval="5m")
        _, memories = await self._metrics.series(tenant_id, metric="memory", hours=hours, interval="1h")
        cpu = [point["value"] / 100 for point in cpus.metrics.get("cpu", [])]
        memory = memories.summary.get("max_memory")
        if not cpu and memory is None:
            english = "there are no measurements of {tenant_id} in the last {hours} h: send `usage` by service"
            reason = sentence("usage-unmeasured", english, tenant_id=tenant_id, hours=hours)
            raise Refused(reason.english, details={"errors": [problem("usage", reason)]})
        return {
            each.service: Usage(
                cpu_m=tuple(share * each.cpu_request_m for share in cpu),
                memory_mib=() if memory is None else (memory / 100 * each.memory_request_mib,),
            )
            for each in sizing.services
        }

"""The SLA of a tenant so far, from the last report that was projected. Reads only."""

from services.gateway.mode_context import ModeContext
from services.gateway.sla.schemas import SlaAnalysis, SlaAnswer, analysis_of
from services.gateway.tenants.queries import TenantQueries
from services.gateway.tenants.rules import availability_target
from shared.rpc import MaintenanceReply, MaintenanceRequest, SlaReport, SlaReportRequest


class SlaQueries:
    """Reports and maintenance windows of one mode, most of them answered by the monitor.

    Each raises Refused, or DependencyUnavailable while the monitor or PostgreSQL is away.
    """

    def __init__(self, context: ModeContext) -> None:
        self._workers = context.workers
        self._tenants = TenantQueries(context)

    async def so_far(self, tenant_id: str) -> SlaAnswer:
        """The last report, or the target alone before the first report."""
        row = await self._tenants.row(tenant_id)
        if row.sla is not None:
            return SlaAnswer.model_validate(row.sla)
        return SlaAnswer(
            tenant_id=tenant_id,
            status="unknown",
            availability=None,
            target=availability_target(row),
            since=None,
            time=None,
            downtime_seconds=0,
            observed_seconds=0,
            failures=0,
        )

    async def report(self, request: SlaReportRequest) -> SlaReport:
        return await self._workers.sla_report(request)

    async def analysis(self, request: SlaReportRequest) -> SlaAnalysis:
        return analysis_of(await self._workers.sla_report(request))

    async def maintenance(self, request: MaintenanceRequest) -> MaintenanceReply:
        return await self._workers.maintenance(request)

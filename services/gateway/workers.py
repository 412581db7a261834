"""The client of the workers' request/reply endpoints, with the request's timings.

A worker that doesn't answer in time is a 503 that names it.
"""

from typing import TypeVar

from services.gateway.http import request_context
from shared.bus import Worker
from shared.bus.rpc import ANSWERED_BY
from shared.errors import DependencyUnavailable
from shared.rpc import (
    AlertRuleReply,
    AlertRuleRequest,
    AlertTestReply,
    AlertTestRequest,
    CalculateRequest,
    CapacityReply,
    CapacityRequest,
    DiffReply,
    DiffRequest,
    InspectReply,
    InspectRequest,
    MaintenanceReply,
    MaintenanceRequest,
    ReceiveAlertsReply,
    ReceiveAlertsRequest,
    Recommendation,
    RecommendRequest,
    RenderReply,
    RenderRequest,
    RoomReply,
    RoomRequest,
    SlaReport,
    SlaReportRequest,
    ValidateReply,
    ValidateRequest,
)
from shared.rpc.incidents import IncidentCost, IncidentCostRequest, IncidentReply, IncidentRequest
from shared.rpc.receivers import NotificationsReply, NotificationsRequest, ReceiversReply, ReceiversRequest
from shared.rpc.silences import (
    RecurringMaintenanceReply,
    RecurringMaintenanceRequest,
    SilencesReply,
    SilencesRequest,
)
from shared.sizing import Sizing
from shared.subjects import Mode, Rpc
from shared.tenants import Model, TenantSpec

R = TypeVar("R", bound=Model)
_VALIDATION_TIMEOUT = 15.0
"""Seconds: the largest manifest that fits into a request body, on a busy machine."""
_DIFF_TIMEOUT = 15.0
"""Seconds: longer than the deployer takes at most."""
_ALERTS_TIMEOUT = 10.0
"""Seconds: a thousand alerts with all that follows from them. Alertmanager waits as long as its group interval."""
_BACKTEST_TIMEOUT = 30.0
"""Seconds: a hundred rules over a year of stored data, on a busy machine."""
_REPORT_TIMEOUT = 10.0
"""Seconds: the SLA of a long period, after an outage that delayed its samples."""


class WorkerClient:
    """The requests of one mode. Each raises Refused, or DependencyUnavailable (WORKER_UNAVAILABLE)."""

    def __init__(self, mode: Mode, worker: Worker, timeout: float) -> None:
        """`timeout` is in seconds, for every request that has no longer one of its own."""
        self._worker = worker
        self._bus = worker.bus(mode)
        self._timeout = timeout

    async def size(self, request: CalculateRequest) -> Sizing:
        return await self._call(Rpc.CALCULATE, request, Sizing)

    async def size_spec(self, spec: TenantSpec) -> Sizing:
        """The sizing of a tenant's specification."""
        request = CalculateRequest(
            service_requirements=spec.service_requirements,
            sla_target=spec.sla_target,
            preset=spec.preset,
            gpu_type=spec.gpu_type,
            service_options=spec.service_options,
        )
        return await self.size(request)

    async def recommend(self, request: RecommendRequest) -> Recommendation:
        return await self._call(Rpc.RECOMMEND, request, Recommendation)

    async def render(self, request: RenderRequest) -> RenderReply:
        return await self._call(Rpc.RENDER, request, RenderReply)

    async def validate(self, request: ValidateRequest) -> ValidateReply:
        return await self._call(Rpc.VALIDATE, request, ValidateReply, timeout=_VALIDATION_TIMEOUT)

    async def sla_report(self, request: SlaReportRequest) -> SlaReport:
        return await self._call(Rpc.SLA_REPORT, request, SlaReport, timeout=_REPORT_TIMEOUT)

    async def maintenance(self, request: MaintenanceRequest) -> MaintenanceReply:
        return await self._call(Rpc.MAINTENANCE, request, MaintenanceReply)

    async def receive_alerts(self, request: ReceiveAlertsRequest) -> ReceiveAlertsReply:
        return await self._call(Rpc.RECEIVE_ALERTS, request, ReceiveAlertsReply, timeout=_ALERTS_TIMEOUT)

    async def incidents(self, request: IncidentRequest) -> IncidentReply:
        return await self._call(Rpc.INCIDENTS, request, IncidentReply)

    async def incident_cost(self, request: IncidentCostRequest) -> IncidentCost:
        return await self._call(Rpc.INCIDENT_COST, request, IncidentCost, timeout=_REPORT_TIMEOUT)

    async def silences(self, request: SilencesRequest) -> SilencesReply:
        return await self._call(Rpc.SILENCES, request, SilencesReply, timeout=_REPORT_TIMEOUT)

    async def recurring_maintenance(self, request: RecurringMaintenanceRequest) -> RecurringMaintenanceReply:
        reply = RecurringMaintenanceReply
        return await self._call(Rpc.RECURRING_MAINTENANCE, request, reply, timeout=_REPORT_TIMEOUT)

    async def change_alert_rule(self, request: AlertRuleRequest) -> AlertRuleReply:
        return await self._call(Rpc.ALERT_RULES, request, AlertRuleReply)

    async def test_alert_rules(self, request: AlertTestRequest) -> AlertTestReply:
        return await self._call(Rpc.ALERT_TEST, request, AlertTestReply, timeout=_BACKTEST_TIMEOUT)

    async def receivers(self, request: ReceiversRequest) -> ReceiversReply:
        return await self._call(Rpc.RECEIVERS, request, ReceiversReply)

    async def notifications(self, request: NotificationsRequest) -> NotificationsReply:
        return await self._call(Rpc.NOTIFICATIONS, request, NotificationsReply)

    async def room(self, request: RoomRequest) -> RoomReply:
        return await self._call(Rpc.ROOM, request, RoomReply)

    async def capacity(self, request: CapacityRequest) -> CapacityReply:
        return await self._call(Rpc.CAPACITY, request, CapacityReply)

    async def inspect(self, request: InspectRequest) -> InspectReply:
        return await self._call(Rpc.INSPECT, request, InspectReply, timeout=_DIFF_TIMEOUT)

    async def diff(self, request: DiffRequest) -> DiffReply:
        return await self._call(Rpc.DIFF, request, DiffReply, timeout=_DIFF_TIMEOUT)

    async def _call(self, endpoint: Rpc, request: Model, reply: type[R], *, timeout: float = 0.0) -> R:
        name = ANSWERED_BY[endpoint]
        if not self._worker.started:
            raise DependencyUnavailable(name, "the gateway has no connection to NATS yet", code="WORKER_UNAVAILABLE")
        with request_context.timed(endpoint):
            answer = await self._bus.ask(endpoint, request, reply, timeout=max(timeout, self._timeout))
        request_context.current().workers.append(name)
        return answer

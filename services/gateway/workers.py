"""Asks the workers, with the request's timings. Nobody in time is a 503 that names who is missing."""

from typing import TypeVar

from services.gateway.http import request_context
from shared.bus import Worker
from shared.bus.rpc import ANSWERED_BY
from shared.errors import DependencyUnavailable
from shared.rpc import (
    CalculateRequest,
    CapacityReply,
    CapacityRequest,
    MaintenanceReply,
    MaintenanceRequest,
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
from shared.sizing import Sizing
from shared.subjects import Mode, Rpc
from shared.tenants import Model, TenantSpec

R = TypeVar("R", bound=Model)
_VALIDATION = 15.0
"""Seconds for the largest manifest that a request's body may hold, on a busy machine."""
_REPORT = 10.0
"""Seconds for the SLA of a long period, after samples that waited for an outage's end."""


class Questions:
    """The questions that the gateway has. Each raises Refused, or DependencyUnavailable (WORKER_UNAVAILABLE)."""

    def __init__(self, worker: Worker, timeout: float) -> None:
        self._worker = worker
        self._timeout = timeout

    async def size(self, mode: Mode, request: CalculateRequest) -> Sizing:
        return await self._ask(Rpc.CALCULATE, request, Sizing, mode)

    async def size_spec(self, mode: Mode, spec: TenantSpec) -> Sizing:
        """What a tenant takes."""
        request = CalculateRequest(
            service_requirements=spec.service_requirements,
            sla_target=spec.sla_target,
            preset=spec.preset,
            gpu_type=spec.gpu_type,
        )
        return await self.size(mode, request)

    async def recommend(self, mode: Mode, request: RecommendRequest) -> Recommendation:
        return await self._ask(Rpc.RECOMMEND, request, Recommendation, mode)

    async def render(self, mode: Mode, request: RenderRequest) -> RenderReply:
        return await self._ask(Rpc.RENDER, request, RenderReply, mode)

    async def validate(self, mode: Mode, request: ValidateRequest) -> ValidateReply:
        """A large manifest takes a while."""
        return await self._ask(Rpc.VALIDATE, request, ValidateReply, mode, timeout=max(self._timeout, _VALIDATION))

    async def sla_report(self, mode: Mode, request: SlaReportRequest) -> SlaReport:
        return await self._ask(Rpc.SLA_REPORT, request, SlaReport, mode, timeout=max(self._timeout, _REPORT))

    async def maintenance(self, mode: Mode, request: MaintenanceRequest) -> MaintenanceReply:
        return await self._ask(Rpc.MAINTENANCE, request, MaintenanceReply, mode)

    async def room(self, mode: Mode, request: RoomRequest) -> RoomReply:
        return await self._ask(Rpc.ROOM, request, RoomReply, mode)

    async def capacity(self, mode: Mode, request: CapacityRequest) -> CapacityReply:
        return await self._ask(Rpc.CAPACITY, request, CapacityReply, mode)

    async def _ask(
        self, question: Rpc, request: Model, reply: type[R], mode: Mode, *, timeout: float | None = None
    ) -> R:
        name = ANSWERED_BY[question]
        if not self._worker.started:
            raise DependencyUnavailable(name, "the gateway has no connection to NATS yet", code="WORKER_UNAVAILABLE")
        with request_context.timed(question):
            answer = await self._worker.rpc.ask(question, request, reply, mode=mode, timeout=timeout or self._timeout)
        request_context.current().workers.append(name)
        return answer

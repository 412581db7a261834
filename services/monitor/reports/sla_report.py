"""Answers `rpc.sla_report`: one tenant's SLA in a period, from the stored availability. Any replica can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from services.monitor.clock import Now
from services.monitor.reports.periods import Period, UnknownPeriod, read_period
from services.monitor.reports.reporter import budget_model
from services.monitor.storage.availability_store import WHOLE, AvailabilityStore, TenantObjective
from services.monitor.storage.maintenance_windows import MaintenanceStore, MaintenanceWindow, window_model
from services.monitor.storage.request_counts import RequestCounts
from shared.errors import Refused
from shared.messages import problem
from shared.rpc import SlaFailure, SlaFigures, SlaPart, SlaReport, SlaReportRequest, SlaRequests, SlaService
from shared.sla import (
    BURN_WINDOWS,
    SLICE_SECONDS,
    Budget,
    Figures,
    Run,
    Span,
    budget_of,
    burn_rates,
    figures_of,
    slice_of,
    slice_start,
)
from shared.sla.requests import LOW_TRAFFIC, Minute, Requests, requests_of

_MOST_FAILURES = 200


@dataclass(frozen=True)
class _ReportContext:
    """The request of a report, and the data that it is made from."""

    request: SlaReportRequest
    objective: TenantObjective
    target: Fraction
    zone: str
    period: Period
    now: int
    runs: Mapping[str, Sequence[Run]]
    windows: Sequence[MaintenanceWindow]
    minutes: Sequence[Minute] | None

    @property
    def whole(self) -> Sequence[Run]:
        return self.runs.get(WHOLE, ())

    @property
    def maintenance(self) -> list[Span]:
        return [each.span for each in self.windows]

    def figures(self, runs: Sequence[Run], span: Span) -> Figures | None:
        return figures_of(runs, span, now=self.now, maintenance=self.maintenance)

    def requests(self, span: Span) -> Requests | None:
        if self.minutes is None:
            return None
        return requests_of(self.minutes, span, maintenance=self.maintenance)


class SlaReports:
    """The SLA reports of one mode."""

    def __init__(
        self, availability: AvailabilityStore, maintenance: MaintenanceStore, requests: RequestCounts, now: Now
    ) -> None:
        self._availability = availability
        self._maintenance = maintenance
        self._requests = requests
        self._now = now

    async def answer(self, request: SlaReportRequest) -> SlaReport:
        """Report one tenant. Raises Refused for an unknown tenant or period, DependencyUnavailable."""
        await self._availability.fold()
        objective = await self._availability.objective(request.tenant_id)
        if objective is None:
            raise Refused(
                f"there is no tenant {request.tenant_id!r}",
                code="TENANT_NOT_FOUND",
                details={"tenant_id": request.tenant_id},
            )
        zone = request.time_zone or objective.time_zone
        now = self._now()
        period = _period(request, now, zone)
        windows = [each for each in await self._maintenance.windows() if each.row_id in (None, objective.row_id)]
        context = _ReportContext(
            request=request,
            objective=objective,
            target=objective.target if request.target is None else Fraction(str(request.target)) / 100,
            zone=zone,
            period=period,
            now=slice_of(now),
            runs=await self._availability.services(objective.row_id),
            windows=windows,
            minutes=await self._minutes(request, objective, period, slice_of(now)),
        )
        return _report(context, now)

    async def _minutes(
        self, request: SlaReportRequest, objective: TenantObjective, period: Period, now: int
    ) -> Sequence[Minute] | None:
        if request.by != "requests":
            return None
        earliest = min(period.span.start, now - max(BURN_WINDOWS.values()) // SLICE_SECONDS)
        latest = max(period.span.end, now)
        return await self._requests.by_minute(objective.row_id, slice_start(earliest), slice_start(latest))


def _period(request: SlaReportRequest, now: datetime, zone: str) -> Period:
    try:
        return read_period(request.period, now=now, zone=ZoneInfo(zone), day=request.day, rolling=request.rolling)
    except UnknownPeriod as error:
        details = {"errors": [problem("period", error.reason)]}
        raise Refused(f"period: {error}", details=details) from error


def _report(context: _ReportContext, now: datetime) -> SlaReport:
    span = context.period.span
    figures, requests = context.figures(context.whole, span), context.requests(span)
    failures = figures.failures if figures else ()
    return SlaReport(
        tenant_id=context.objective.tenant_id,
        name=context.objective.name,
        period=context.request.period,
        rolling=context.period.is_rolling,
        time_zone=context.zone,
        start=slice_start(span.start),
        end=slice_start(span.end),
        reported_at=now,
        target=float(context.target * 100),
        by=context.request.by,
        figures=SlaFigures(**_figures(figures, context.target)) if figures else None,
        requests=_requests(requests, context.target) if requests else None,
        error_budget=budget_model(_budget(context)),
        burn_rates=_burn_rates(context),
        services=tuple(_services(context)),
        parts=tuple(_part(context, part) for part in context.period.parts),
        failures=tuple(
            SlaFailure(
                start=slice_start(each.start),
                end=None if each.end is None else slice_start(each.end),
                seconds=each.seconds,
            )
            for each in failures[-_MOST_FAILURES:]
        ),
        maintenance=tuple(
            window_model(each) for each in context.windows if each.span.start < span.end and each.span.end > span.start
        ),
        notes=tuple(_notes(context, figures, requests)),
    )


def _figures(figures: Figures, target: Fraction) -> dict[str, object]:
    return {
        "since": figures.since,
        "until": figures.until,
        "availability": figures.availability,
        "status": figures.status(target),
        "up_seconds": figures.up_seconds,
        "downtime_seconds": figures.down_seconds,
        "unknown_seconds": figures.unknown_seconds,
        "maintenance_seconds": figures.maintenance_seconds,
        "failures": len(figures.failures),
        "mttr_seconds": figures.mttr_seconds,
        "mtbf_seconds": figures.mtbf_seconds,
    }


def _services(context: _ReportContext) -> list[SlaService]:
    found = []
    for service, runs in context.runs.items():
        if service != WHOLE and (figures := context.figures(runs, context.period.span)):
            found.append(SlaService(service=service, **_figures(figures, context.target)))
    return found


def _part(context: _ReportContext, span: Span) -> SlaPart:
    figures, requests = context.figures(context.whole, span), context.requests(span)
    known = figures.availability if figures else None
    return SlaPart(
        start=slice_start(span.start),
        end=slice_start(span.end),
        availability=requests.availability if requests is not None else known,
        downtime_seconds=figures.down_seconds if figures else 0,
        # Before the tenant was first up, and in the future, time is neither observed nor unknown.
        unknown_seconds=figures.unknown_seconds if figures else 0,
        maintenance_seconds=figures.maintenance_seconds if figures else 0,
    )


def _requests(requests: Requests, target: Fraction) -> SlaRequests:
    return SlaRequests(
        total=requests.total,
        bad=requests.bad,
        availability=requests.availability,
        status=requests.status(target),
        is_low_traffic=requests.is_low_traffic,
    )


def _budget(context: _ReportContext) -> Budget:
    return budget_of(
        context.whole, context.period.span, context.target, now=context.now, maintenance=context.maintenance
    )


def _burn_rates(context: _ReportContext) -> dict[str, float | None]:
    if context.minutes is None:
        return burn_rates(context.whole, context.target, now=context.now, maintenance=context.maintenance)
    rates = {}
    for name, seconds in BURN_WINDOWS.items():
        requests = context.requests(Span(context.now - seconds // SLICE_SECONDS, context.now))
        rates[name] = requests.burn_rate(context.target) if requests is not None else None
    return rates


def _notes(context: _ReportContext, figures: Figures | None, requests: Requests | None) -> list[str]:
    notes = []
    if figures is None:
        notes.append("Nothing is known of the period: the tenant wasn't up before its end.")
    elif figures.unknown_seconds:
        share = 100 * figures.unknown_seconds / figures.window.seconds
        notes.append(f"{share:.2f} % of the time is unknown: it counts neither as up nor as down.")
    if requests is not None and not requests.total:
        notes.append("No requests were counted: send request_count and error_count, or let Prometheus count them.")
    elif requests is not None and requests.is_low_traffic:
        notes.append(f"Fewer than {LOW_TRAFFIC} requests: too few to judge by.")
    if context.now < context.period.span.end:
        notes.append("The period hasn't ended yet.")
    return notes

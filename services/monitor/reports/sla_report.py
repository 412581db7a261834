"""Answers `rpc.sla_report`: one tenant's SLA in a period, from the ledger. Any copy of the monitor can."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from services.monitor.reports.periods import Period, UnknownPeriod, read_period
from services.monitor.reports.reporter import budget_model
from services.monitor.storage.availability_store import WHOLE, Ledger, Promise
from services.monitor.storage.maintenance_windows import Maintenance, Window, window_model
from services.monitor.storage.rollups import Rollups
from shared.errors import Refused
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
class _Case:
    """What a report is about."""

    request: SlaReportRequest
    promise: Promise
    target: Fraction
    zone: str
    period: Period
    now: int
    runs: Mapping[str, Sequence[Run]]
    windows: Sequence[Window]
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


class Reports:
    """The reports of one mode."""

    def __init__(self, ledger: Ledger, maintenance: Maintenance, rollups: Rollups, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._maintenance = maintenance
        self._rollups = rollups
        self._now = now

    async def answer(self, request: SlaReportRequest) -> SlaReport:
        """Raises Refused for an unknown tenant or period, DependencyUnavailable."""
        await self._ledger.fold()
        promise = await self._ledger.promise(request.tenant_id)
        if promise is None:
            raise Refused(
                f"there is no tenant {request.tenant_id!r}",
                code="TENANT_NOT_FOUND",
                details={"tenant_id": request.tenant_id},
            )
        zone = request.time_zone or promise.time_zone
        now = self._now()
        period = _period(request, now, zone)
        windows = [each for each in await self._maintenance.windows() if each.row_id in (None, promise.row_id)]
        case = _Case(
            request=request,
            promise=promise,
            target=promise.target if request.target is None else Fraction(str(request.target)) / 100,
            zone=zone,
            period=period,
            now=slice_of(now),
            runs=await self._ledger.services(promise.row_id),
            windows=windows,
            minutes=await self._minutes(request, promise, period, slice_of(now)),
        )
        return _report(case, now)

    async def _minutes(
        self, request: SlaReportRequest, promise: Promise, period: Period, now: int
    ) -> Sequence[Minute] | None:
        if request.by != "requests":
            return None
        earliest = min(period.span.start, now - max(BURN_WINDOWS.values()) // SLICE_SECONDS)
        latest = max(period.span.end, now)
        return await self._rollups.requests(promise.row_id, slice_start(earliest), slice_start(latest))


def _period(request: SlaReportRequest, now: datetime, zone: str) -> Period:
    try:
        return read_period(request.period, now=now, zone=ZoneInfo(zone), day=request.day, rolling=request.rolling)
    except UnknownPeriod as error:
        details = {"errors": [{"field": "period", "message": str(error)}]}
        raise Refused(f"period: {error}", details=details) from error


def _report(case: _Case, now: datetime) -> SlaReport:
    span = case.period.span
    figures, requests = case.figures(case.whole, span), case.requests(span)
    failures = figures.failures if figures else ()
    return SlaReport(
        tenant_id=case.promise.tenant_id,
        name=case.promise.name,
        period=case.request.period,
        rolling=case.period.is_rolling,
        time_zone=case.zone,
        start=slice_start(span.start),
        end=slice_start(span.end),
        reported_at=now,
        target=float(case.target * 100),
        by=case.request.by,
        figures=SlaFigures(**_figures(figures, case.target)) if figures else None,
        requests=_requests(requests, case.target) if requests else None,
        error_budget=budget_model(_budget(case)),
        burn_rates=_burn_rates(case),
        services=tuple(_services(case)),
        parts=tuple(_part(case, part) for part in case.period.parts),
        failures=tuple(
            SlaFailure(
                start=slice_start(each.start),
                end=None if each.end is None else slice_start(each.end),
                seconds=each.seconds,
            )
            for each in failures[-_MOST_FAILURES:]
        ),
        maintenance=tuple(
            window_model(each) for each in case.windows if each.span.start < span.end and each.span.end > span.start
        ),
        notes=tuple(_notes(case, figures, requests)),
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


def _services(case: _Case) -> list[SlaService]:
    found = []
    for service, runs in case.runs.items():
        if service != WHOLE and (figures := case.figures(runs, case.period.span)):
            found.append(SlaService(service=service, **_figures(figures, case.target)))
    return found


def _part(case: _Case, span: Span) -> SlaPart:
    figures, requests = case.figures(case.whole, span), case.requests(span)
    known = figures.availability if figures else None
    return SlaPart(
        start=slice_start(span.start),
        end=slice_start(span.end),
        availability=requests.availability if requests is not None else known,
        downtime_seconds=figures.down_seconds if figures else 0,
        # Before the first time that it was up, and after now, a part is neither observed nor unknown.
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


def _budget(case: _Case) -> Budget:
    return budget_of(case.whole, case.period.span, case.target, now=case.now, maintenance=case.maintenance)


def _burn_rates(case: _Case) -> dict[str, float | None]:
    if case.minutes is None:
        return burn_rates(case.whole, case.target, now=case.now, maintenance=case.maintenance)
    rates = {}
    for name, seconds in BURN_WINDOWS.items():
        requests = case.requests(Span(case.now - seconds // SLICE_SECONDS, case.now))
        rates[name] = requests.burn_rate(case.target) if requests is not None else None
    return rates


def _notes(case: _Case, figures: Figures | None, requests: Requests | None) -> list[str]:
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
    if case.now < case.period.span.end:
        notes.append("The period hasn't ended yet.")
    return notes

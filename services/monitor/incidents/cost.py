"""What an incident cost: its downtime, and the part of the error budget of 30 days. The arithmetic is pure.

A failure begins before its alert: a full outage pages after minutes. So the downtime counts from the beginning of the
failure that was going on when the incident was opened, or had ended less than five minutes before.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from services.monitor.clock import Now
from services.monitor.incidents import incident_store
from services.monitor.storage.availability_store import WHOLE, AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.database import Database
from shared.errors import Refused
from shared.rpc.incidents import IncidentCost, IncidentCostRequest
from shared.sla import SLICE_SECONDS, Run, Span, figures_of, slice_of, slice_start

_BEFORE = 5 * 60 // SLICE_SECONDS
"""Slices before the incident in which a failure that has ended still belongs to it."""
_SEARCHED = 3 * 86_400 // SLICE_SECONDS
"""Slices before the incident in which its failure may have begun: the longest window of a burn-rate alert."""
_PERIOD = 30 * 86_400
"""Seconds of the budget's period."""


def failure_start(runs: Sequence[Run], opened: int, maintenance: Sequence[Span]) -> int:
    """The slice in which the failure of an incident began that was opened in slice `opened`."""
    window = Span(opened - _SEARCHED, opened)
    figures = figures_of(runs, window, now=opened, maintenance=maintenance)
    last = figures.failures[-1] if figures and figures.failures else None
    if last is None or (last.end is not None and last.end < opened - _BEFORE):
        return opened
    return min(last.start, opened)


def cost_of(
    runs: Sequence[Run], opened: int, ended: int, target: Fraction, maintenance: Sequence[Span]
) -> IncidentCost:
    """The cost of an incident from slice `opened` up to slice `ended`."""
    start = failure_start(runs, opened, maintenance)
    span = Span(start, max(ended, start))
    figures = figures_of(runs, span, now=span.end, maintenance=maintenance) if span.seconds else None
    down = figures.down_seconds if figures else 0
    allowed = float((1 - target) * _PERIOD)
    return IncidentCost(
        since=slice_start(span.start),
        until=slice_start(span.end),
        target=float(target * 100),
        downtime_minutes=down / 60,
        unknown_minutes=figures.unknown_seconds / 60 if figures else 0.0,
        maintenance_minutes=figures.maintenance_seconds / 60 if figures else 0.0,
        budget_minutes=allowed / 60,
        budget_percent=100 * down / allowed if allowed else 0.0,
    )


class IncidentCosts:
    """Answers `rpc.incident_cost` in one mode."""

    def __init__(
        self, database: Database, availability: AvailabilityStore, maintenance: MaintenanceStore, now: Now
    ) -> None:
        self._database = database
        self._availability = availability
        self._maintenance = maintenance
        self._now = now

    async def answer(self, request: IncidentCostRequest) -> IncidentCost:
        """The cost so far. Raises Refused (INCIDENT_NOT_FOUND), DependencyUnavailable."""
        async with self._database.begin() as connection:
            found = await incident_store.find(connection, request.incident_id)
        if found is None:
            raise incident_not_found(request.incident_id)
        incident, row_id = found
        await self._availability.fold()
        objective = await self._availability.objective(incident.tenant_id)
        if objective is None:
            raise incident_not_found(request.incident_id)
        runs = (await self._availability.services(row_id)).get(WHOLE, ())
        windows = [each.span for each in await self._maintenance.windows() if each.row_id in (None, row_id)]
        ended: datetime = incident.closed_at or self._now()
        return cost_of(runs, slice_of(incident.opened_at), slice_of(ended) + 1, objective.target, windows)


def incident_not_found(incident_id: str) -> Refused:
    """The error of an unknown incident."""
    return Refused(
        f"there is no incident {incident_id!r}", code="INCIDENT_NOT_FOUND", details={"incident_id": incident_id}
    )

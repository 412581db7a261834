"""Answers what rules would have done, from one mode's database: minutes of rollups, and of samples since then."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan

from sqlalchemy import text

from services.monitor.alerts.backtest import STEP, UNKNOWN, StoredSeries, backtest
from services.monitor.alerts.backtest_size import check_size
from services.monitor.alerts.evaluation import STALE_SECONDS
from services.monitor.alerts.rule_store import RuleStore
from services.monitor.alerts.stored_figures import PastAvailability, stored_figures
from services.monitor.clock import Now
from services.monitor.storage.availability_store import WHOLE, AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from services.monitor.storage.progress import ROLLUPS, hour_of, read_progress
from shared.alerts.conditions import parse
from shared.alerts.figures import FIGURES
from shared.database import Database
from shared.measuring import LARGEST
from shared.rpc import AlertTestReply, AlertTestRequest
from shared.rpc.alerts import LONGEST_TEST_HOURS

_ROLLED = text("""
    SELECT metric_name, hour, minutes, minute_means FROM monitoring_rollups
    WHERE tenant_id = :row_id AND metric_name = ANY(:names) AND hour >= :first_hour AND hour < :end
    ORDER BY hour, kept
""")
_RAW = text(f"""
    SELECT metric_name, date_trunc('minute', timestamp) AS minute, avg(metric_value)::float8 AS value
    FROM monitoring_data
    WHERE tenant_id = :row_id AND metric_name = ANY(:names) AND timestamp >= :start AND timestamp < :end
        AND metric_value BETWEEN -{LARGEST:.0f} AND {LARGEST:.0f}
    GROUP BY 1, 2
""")  # noqa: S608 - a constant of ours
_CARRIED = int(STALE_SECONDS // STEP) - 1
"""Minutes without a sample in which the last value counts, as in the evaluation of samples that come."""


class Backtests:
    """The backtests of one mode."""

    def __init__(
        self,
        database: Database,
        rules: RuleStore,
        availability: AvailabilityStore,
        maintenance: MaintenanceStore,
        now: Now,
    ) -> None:
        self._database = database
        self._rules = rules
        self._availability = availability
        self._maintenance = maintenance
        self._now = now

    async def answer(self, request: AlertTestRequest) -> AlertTestReply:
        """What the rules would have done. Raises Refused, DependencyUnavailable."""
        row_id = await self._rules.check(request.tenant_id, request.rules)
        conditions = [parse(rule.condition) for rule in request.rules]
        check_size(conditions, request.hours)
        end = self._now().replace(second=0, microsecond=0)
        start = end - timedelta(hours=min(request.hours, LONGEST_TEST_HOURS))
        names = {each.metric for condition in conditions for each in condition.comparisons}
        steps = int((end - start).total_seconds()) // STEP
        values = await self._values(row_id, sorted(names - FIGURES), start, steps)
        past = await self._past(request.tenant_id, row_id) if names & FIGURES else None

        def test() -> AlertTestReply:
            first = int(start.timestamp())
            figures = stored_figures(past, first, steps, names) if past else {}
            series = StoredSeries(first, steps, {**values, **figures})
            return AlertTestReply(
                tenant_id=request.tenant_id,
                since=start,
                until=end,
                rules=tuple(backtest(rule, series) for rule in request.rules),
                notes=tuple(_notes(series, names)),
            )

        return await asyncio.to_thread(test)

    async def _values(
        self, row_id: int, names: Sequence[str], start: datetime, steps: int
    ) -> dict[str, Sequence[float]]:
        """The mean of each minute, by metric."""
        end = start + timedelta(seconds=steps * STEP)
        found = {name: [UNKNOWN] * steps for name in names}
        if not names:
            return {}
        async with self._database.begin() as connection:
            rolled = (await read_progress(connection, ROLLUPS)).until
            asked = {"row_id": row_id, "names": list(names), "first_hour": hour_of(start), "end": min(end, rolled)}
            for row in await connection.execute(_ROLLED, asked):
                first = int((row.hour - start).total_seconds()) // STEP
                _put(found[row.metric_name], first, row.minutes, row.minute_means)
            asked = {"row_id": row_id, "names": list(names), "start": max(start, rolled), "end": end}
            for row in await connection.execute(_RAW, asked):
                found[row.metric_name][int((row.minute - start).total_seconds()) // STEP] = row.value
        return {name: _carried(values) for name, values in found.items()}

    async def _past(self, tenant_id: str, row_id: int) -> PastAvailability:
        await self._availability.fold()
        objective = await self._availability.objective(tenant_id)
        services = dict(await self._availability.services(row_id))
        windows = [each.span for each in await self._maintenance.windows() if each.row_id in (None, row_id)]
        target = float(objective.target) if objective else 0.995
        return PastAvailability(target, services.pop(WHOLE, ()), services, windows)


def _put(values: list[float], first: int, minutes: Sequence[int], means: Sequence[float]) -> None:
    for minute, mean in zip(minutes, means, strict=True):
        if 0 <= first + minute < len(values):
            values[first + minute] = mean


def _carried(values: list[float]) -> list[float]:
    """With the last value in the minutes after it, as long as it counts."""
    last, left = UNKNOWN, 0
    for index, value in enumerate(values):
        if not isnan(value):
            last, left = value, _CARRIED
        elif left:
            values[index] = last
            left -= 1
    return values


def _notes(series: StoredSeries, names: Collection[str]) -> list[str]:
    missing = sorted(name for name in names if all(isnan(value) for value in series.values.get(name, ())))
    notes = ["each minute counts with the mean of its samples"]
    if missing:
        notes.append(f"without data in this time: {', '.join(missing)}")
    began = datetime.fromtimestamp(series.start, UTC)
    return [*notes, f"minutes since {began:%Y-%m-%d %H:%M} UTC: {series.steps}"]

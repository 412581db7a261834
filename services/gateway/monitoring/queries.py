"""Stored measurements as series. Reads only."""

from datetime import UTC, datetime, timedelta

from services.gateway.http import request_context
from services.gateway.http.errors import found_tenant, invalid
from services.gateway.mode_context import ModeContext
from services.gateway.monitoring import repository
from services.gateway.monitoring.metric_names import unknown_metric
from services.gateway.monitoring.schemas import TimeRange
from services.gateway.monitoring.series import INTERVALS, MetricSeries, most_hours, series_name, series_of, too_many
from services.gateway.tenants.repository import find_tenant


class MetricsQueries:
    """The series of one mode."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database

    async def series(
        self, tenant_id: str, *, metric: str | None, hours: int, interval: str
    ) -> tuple[TimeRange, MetricSeries]:
        """The last `hours`, as means of each `interval`.

        Raises Refused for an unknown tenant or metric and for more points than an answer may have, and
        DependencyUnavailable while PostgreSQL is away.
        """
        step, most = INTERVALS[interval], most_hours(INTERVALS[interval])
        end = datetime.now(UTC)
        start = end - timedelta(hours=hours)
        name = series_name(metric) if metric is not None else None
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                row = found_tenant(await find_tenant(connection, tenant_id), tenant_id)
                stored = await repository.series(
                    connection, row.id, start=start, end=end, step=step, metric=name, most=most
                )
        if len(stored) > most:
            raise invalid("interval", too_many(interval, hours))
        if name is not None and not stored:
            await self._check_name(row.id, name)
        with request_context.timed("series"):
            return TimeRange(start=start, end=end), series_of(stored, start=start, step=step)

    async def _check_name(self, row_id: int, name: str) -> None:
        """Raise Refused for a metric that the tenant never had. One that it had earlier has an empty series."""
        if unknown_metric(name, ()) is None:
            # To read what is stored would take a while, for each poll of a GPU that a tenant doesn't have.
            return
        async with self._database.begin() as connection:
            stored = await repository.names(connection, row_id, name)
        if reason := unknown_metric(name, stored):
            raise invalid("metric_type", reason)

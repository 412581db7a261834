"""Reads a tenant's requests by minute: from rollups for hours that are rolled up, from samples for later ones."""

from datetime import datetime

from sqlalchemy import text

from services.monitor.metric_names import ERROR_COUNT, REQUEST_COUNT
from services.monitor.storage.progress import ROLLUPS, hour_of, read_progress
from shared.database import Database
from shared.measuring import LARGEST
from shared.sla import slice_of
from shared.sla.requests import Minute

_MINUTES = text(f"""
    SELECT metric_name, hour + part.minute * interval '1 minute' AS at, part.mean * part.samples AS value
    FROM monitoring_rollups, unnest(minutes, minute_means, minute_samples) AS part (minute, mean, samples)
    WHERE tenant_id = :row_id AND metric_type = ANY(:names) AND metric_name = ANY(:names)
        AND hour >= :first_hour AND hour < :rolled_end
    UNION ALL
    SELECT metric_name, date_trunc('minute', timestamp), sum(metric_value)::float8 FROM monitoring_data
    WHERE tenant_id = :row_id AND metric_type = ANY(:names) AND metric_name = ANY(:names)
        AND timestamp >= :raw_start AND timestamp < :end
        AND metric_value BETWEEN -{LARGEST:.0f} AND {LARGEST:.0f}
    GROUP BY 1, 2
""")  # noqa: S608 - a constant of ours


class RequestCounts:
    """The requests of the tenants in one mode's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_minute(self, row_id: int, start: datetime, end: datetime) -> list[Minute]:
        """The requests of the tenant with `row_id` from `start` to `end`. Raises DependencyUnavailable."""
        async with self._database.begin() as connection:
            rolled_until = (await read_progress(connection, ROLLUPS)).until
            parameters = {
                "row_id": row_id,
                "names": [REQUEST_COUNT, ERROR_COUNT],
                "first_hour": hour_of(start),
                "rolled_end": min(end, rolled_until),
                "raw_start": max(start, rolled_until),
                "end": end,
            }
            rows = (await connection.execute(_MINUTES, parameters)).all()
        found: dict[datetime, dict[str, float]] = {}
        for row in rows:
            counts = found.setdefault(row.at, {})
            counts[row.metric_name] = counts.get(row.metric_name, 0.0) + row.value
        return [
            Minute(slice_of(at), counts[REQUEST_COUNT], counts.get(ERROR_COUNT, 0.0))
            for at, counts in sorted(found.items())
            if REQUEST_COUNT in counts
        ]

"""Reads the monitor's samples and rollups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.monitoring.series import SeriesHour, merged
from shared.measuring import LARGEST

# The metric's name if it differs from its type, as in the documented `sla`/`availability`.
_NAME = "CASE WHEN metric_type = metric_name THEN metric_type ELSE metric_name END"
# Two statements, because one statement for both cases would get a plan that suits neither.
_IS_ASKED = {
    True: "tenant_id = $1 AND (metric_type = $4 OR metric_name = $4 OR starts_with(metric_name, $4 || '_'))",
    False: "tenant_id = $1 AND $4::text IS NULL",
}
# Rows inserted by hand may be NaN, or too large to be summed.
_IS_NUMBER = f"metric_value BETWEEN -{LARGEST:.0f} AND {LARGEST:.0f}"
_ROLLED_UNTIL = "SELECT rolled_until FROM monitoring_progress WHERE name = 'rollups'"
# One row for each hour, with arrays as they are stored: to unnest, aggregate or format them here would take several
# times longer than everything else. Of a completely requested hour only the necessary columns are read.
_ROLLED = f"""
SELECT {_NAME} AS name, hour,
       CASE WHEN cardinality({{numbers}}) < {{parts}} OR {{in_full}} THEN {{numbers}} END, {{means}},
       CASE WHEN {{in_full}} THEN {{highs}} END, CASE WHEN {{in_full}} THEN {{counts}} END,
       mean, highest, samples
FROM monitoring_rollups
WHERE {{is_asked}} AND hour >= date_trunc('hour', $2::timestamptz) AND hour <= $3 AND hour < $5
ORDER BY hour LIMIT $6
"""  # noqa: S608 - only constants are put in
# Whether samples of other sources are rolled up into rows of their own.
_HAS_KEPT = """
SELECT EXISTS (
    SELECT FROM monitoring_rollups
    WHERE tenant_id = $1 AND hour >= date_trunc('hour', $2::timestamptz) AND hour <= $3 AND kept
)
"""
_UNROLLED = f"""
SELECT name, hour, array_agg(number ORDER BY number), array_agg(mean ORDER BY number),
       array_agg(highest ORDER BY number), array_agg(samples ORDER BY number),
       0::float8, 0::float8, 0::integer
FROM (
    SELECT {_NAME} AS name, date_trunc('hour', timestamp) AS hour,
           (date_part('minute', timestamp)::integer * 60 / $6) AS number,
           avg(metric_value)::float8 AS mean, max(metric_value)::float8 AS highest, count(*)::integer AS samples
    FROM monitoring_data
    WHERE {{is_asked}} AND timestamp > $2 AND timestamp <= $3 AND timestamp >= $5 AND {_IS_NUMBER}
    GROUP BY 1, 2, 3
) AS part
GROUP BY name, hour ORDER BY hour LIMIT $7
"""  # noqa: S608 - only constants are put in
_PARTS = {
    60: ("minutes", "minute_means", "minute_highs", "minute_samples"),
    300: ("fives", "five_means", "five_highs", "five_samples"),
    3600: ("ARRAY[0]", "ARRAY[mean]", "ARRAY[highest]", "ARRAY[samples]"),
}


def _rolled(*, is_named: bool, step: int, has_kept: bool) -> str:
    numbers, means, highs, counts = _PARTS[step]
    return _ROLLED.format(
        is_asked=_IS_ASKED[is_named],
        in_full="true" if has_kept else "hour < $2",
        parts=3600 // step,
        numbers=numbers,
        means=means,
        highs=highs,
        counts=counts,
    )


_LATEST = f"""
SELECT DISTINCT ON (1) {_NAME} AS name, metric_value::float8 AS value, timestamp
FROM monitoring_data
WHERE tenant_id = :row_id AND timestamp > now() - interval '1 minute' AND {_IS_NUMBER}
ORDER BY 1, timestamp DESC
"""  # noqa: S608 - only constants are put in
_NAMES = f"""
SELECT name FROM (
    SELECT unnest(ARRAY[metric_type, metric_name]) AS name FROM monitoring_rollups WHERE tenant_id = :row_id
    UNION
    SELECT unnest(ARRAY[metric_type, metric_name]) FROM monitoring_data
    WHERE tenant_id = :row_id AND timestamp >= coalesce(({_ROLLED_UNTIL}), '-infinity')
) AS stored
ORDER BY starts_with(name, :asked) DESC, name LIMIT 200
"""  # noqa: S608 - only constants are put in
_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


async def series(
    connection: AsyncConnection,
    row_id: int,
    *,
    start: datetime,
    end: datetime,
    step: int,
    metric: str | None,
    most: int,
) -> list[SeriesHour]:
    """Hours of series with intervals of `step` seconds (60, 300, 3600), in the order of time; at most `most` + 1.

    They come from rollups, and from samples that aren't rolled up yet. The metric `network` includes `network_in`.
    """
    # The driver directly: for thousands of rows, SQLAlchemy would create as many row objects.
    driver: Any = (await connection.get_raw_connection()).driver_connection
    is_named = metric is not None
    has_kept = await driver.fetchval(_HAS_KEPT, row_id, start, end)
    rolled = _rolled(is_named=is_named, step=step, has_kept=has_kept)
    unrolled = _UNROLLED.format(is_asked=_IS_ASKED[is_named])
    until = await driver.fetchval(_ROLLED_UNTIL) or _NEVER
    rows = await driver.fetch(rolled, row_id, start, end, metric, until, most + 1)
    rows += await driver.fetch(unrolled, row_id, start, end, metric, until, step, most + 1 - len(rows))
    hours = [SeriesHour._make(row) for row in rows]
    return merged(hours) if has_kept else hours


async def names(connection: AsyncConnection, row_id: int, asked: str) -> list[str]:
    """The names of the tenant's stored metrics, at most 200: those that begin with `asked` first."""
    return list((await connection.execute(text(_NAMES), {"row_id": row_id, "asked": asked})).scalars())


async def latest(connection: AsyncConnection, row_id: int) -> Sequence[Row[Any]]:
    """The last value of each metric within the last minute: name, value, timestamp."""
    return (await connection.execute(text(_LATEST), {"row_id": row_id})).all()

"""Reads measurements, which are the monitor's: samples, and what they are rolled up into."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.measurements import Bucket

# A name of its own where the guides give a metric one (`sla`/`availability`), else the type.
_NAME = "CASE WHEN metric_type = metric_name THEN metric_type ELSE metric_name END"
_IS_ASKED = """tenant_id = :row_id AND (CAST(:metric AS text) IS NULL OR metric_type = :metric OR metric_name = :metric
       OR starts_with(metric_name, :metric || '_'))"""
_ROLLED_UNTIL = "(SELECT rolled_until FROM monitoring_progress WHERE name = 'rollups')"
# What has been rolled up, which is one row an hour, and the samples since. A series comes as four arrays in one row:
# ten thousands of rows would take longer on their way than in the database.
_SERIES = f"""
SELECT name, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(value ORDER BY bucket) AS means,
       array_agg(highest ORDER BY bucket) AS highs, array_agg(samples ORDER BY bucket) AS counts
FROM (
SELECT {_NAME} AS name, {{bucket}} AS bucket, {{value}} AS value, {{highest}} AS highest, {{samples}} AS samples
FROM monitoring_rollups {{parts}}
WHERE {_IS_ASKED}
  AND hour >= date_trunc('hour', CAST(:start AS timestamptz)) AND hour <= :end AND hour < {_ROLLED_UNTIL}
  AND {{bucket}} > CAST(:start AS timestamptz) - make_interval(secs => :step)
UNION ALL
SELECT {_NAME} AS name,
       date_bin(make_interval(secs => :step), timestamp, CAST(:origin AS timestamptz)) AS bucket,
       avg(metric_value)::float8 AS value,
       max(metric_value)::float8 AS highest,
       count(*) AS samples
FROM monitoring_data
WHERE {_IS_ASKED} AND timestamp > :start AND timestamp <= :end
  AND timestamp >= coalesce({_ROLLED_UNTIL}, '-infinity')
GROUP BY 1, 2
) AS found
GROUP BY name
ORDER BY name
"""  # noqa: S608 - only constants are put in


def _unrolled(part: str, minutes: int) -> str:
    return _SERIES.format(
        bucket=f"hour + part.number * interval '{minutes} minutes'",
        value="part.mean",
        highest="part.highest",
        samples="part.samples",
        parts=(
            f", unnest({part}s, {part}_means, {part}_highs, {part}_samples) AS part (number, mean, highest, samples)"
        ),
    )


_STATEMENTS = {
    60: text(_unrolled("minute", 1)),
    300: text(_unrolled("five", 5)),
    3600: text(
        _SERIES.format(
            bucket="hour",
            value="monitoring_rollups.mean",
            highest="monitoring_rollups.highest",
            samples="monitoring_rollups.samples",
            parts="",
        )
    ),
}
_LATEST = f"""
SELECT DISTINCT ON (1) {_NAME} AS name, metric_value::float8 AS value, timestamp
FROM monitoring_data
WHERE tenant_id = :row_id AND timestamp > now() - interval '1 minute'
ORDER BY 1, timestamp DESC
"""  # noqa: S608 - only a constant is put in
_ORIGIN = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


async def series(
    connection: AsyncConnection, row_id: int, *, start: datetime, end: datetime, step: float, metric: str | None
) -> list[Bucket]:
    """Buckets of `step` seconds (60, 300, 3600): name, bucket, value (mean), highest, samples.

    The metric `network` includes `network_in`.
    """
    parameters = {"row_id": row_id, "start": start, "end": end, "step": step, "metric": metric, "origin": _ORIGIN}
    return [
        Bucket(row.name, *each)
        for row in await connection.execute(_STATEMENTS[round(step)], parameters)
        for each in zip(row.buckets, row.means, row.highs, row.counts, strict=True)
    ]


async def latest(connection: AsyncConnection, row_id: int) -> Sequence[Row[Any]]:
    """The last value of each metric, of the last minute: name, value, timestamp."""
    return (await connection.execute(text(_LATEST), {"row_id": row_id})).all()

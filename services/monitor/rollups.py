"""Samples as means and maxima by minute, five minutes and hour; what is older than the samples' time is only that.

A row of `monitoring_rollups` is an hour of a series. An hour is rolled when it has ended, and again when something of
it comes late, from all its samples: so that doing it twice changes nothing. When its samples have served their time
they are removed in the transaction that makes its row final; what comes later still is added to the final row and
removed in the same way. A month's partition is dropped when nothing is left in it.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.outage import Outage
from services.monitor.sla import slice_of
from services.monitor.sla.requests import Minute
from shared.database import Database, drop_partition
from shared.errors import TemporaryError
from shared.measuring import LARGEST

TOTAL, BAD = "request_count", "error_count"
"""The metrics that requests are counted by; both are counts of what happened since the sample before."""
_LOCK = 0x6563_7004
_OVERLAP = 10_000
"""Ids are given out before they are committed: those of writes that were under way at the last look are read again."""
_MOST_HOURS = 500
"""Hours whose samples are removed in one pass."""
_PARTITION = re.compile(r"monitoring_data_(\d{4})_(\d{2})")
_PAUSE = 2.0
"""Seconds between two passes at least, however much comes late."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_log = structlog.get_logger(__name__)

_SERIES = "tenant_id, metric_type, metric_name"
_OF_HOUR = "tenant_id IS NOT NULL AND timestamp >= :hour AND timestamp < CAST(:hour AS timestamptz) + interval '1 hour'"
_READ = f"SELECT {_SERIES}, timestamp, metric_value FROM monitoring_data WHERE {_OF_HOUR}"  # noqa: S608 - constants
_REMOVE = f"DELETE FROM monitoring_data WHERE {_OF_HOUR} RETURNING {_SERIES}, timestamp, metric_value"  # noqa: S608
# 15 digits of it, as a person would write it: sums of binary fractions have a tail that nobody measured.
_MEAN = "(total / samples)::numeric::float8"
# What was inserted by hand may be NaN, or too large to be added up: it is no measurement.
_ROLL = f"""
    WITH samples AS ({{samples}}), parts AS (
        SELECT {_SERIES}, date_part('minute', timestamp)::smallint AS minute,
               sum(metric_value::float8) AS total, max(metric_value::float8) AS highest, count(*) AS samples
        FROM samples WHERE metric_value BETWEEN -{LARGEST:.0f} AND {LARGEST:.0f} GROUP BY {_SERIES}, minute
        UNION ALL
        SELECT {_SERIES}, part.minute, part.mean * part.samples, part.highest, part.samples
        FROM monitoring_rollups,
             unnest(minutes, minute_means, minute_highs, minute_samples) AS part (minute, mean, highest, samples)
        WHERE final AND hour = :hour AND ({_SERIES}) IN (SELECT {_SERIES} FROM samples)
    ), by_minute AS (
        SELECT {_SERIES}, minute, sum(total) AS total, max(highest) AS highest, sum(samples)::integer AS samples
        FROM parts GROUP BY {_SERIES}, minute
    ), by_five AS (
        SELECT {_SERIES}, (minute / 5)::smallint AS five, sum(total) AS total, max(highest) AS highest,
               sum(samples)::integer AS samples
        FROM by_minute GROUP BY {_SERIES}, five
    ), fives AS (
        SELECT {_SERIES}, array_agg(five ORDER BY five) AS fives, array_agg({_MEAN} ORDER BY five) AS means,
               array_agg(highest ORDER BY five) AS highs, array_agg(samples ORDER BY five) AS counts
        FROM by_five GROUP BY {_SERIES}
    ), minutes AS (
        SELECT {_SERIES}, array_agg(minute ORDER BY minute) AS minutes,
               array_agg({_MEAN} ORDER BY minute) AS means, array_agg(highest ORDER BY minute) AS highs,
               array_agg(samples ORDER BY minute) AS counts,
               sum(total) / sum(samples) AS mean, max(highest) AS highest, sum(samples)::integer AS samples
        FROM by_minute GROUP BY {_SERIES}
    )
    INSERT INTO monitoring_rollups
    SELECT {_SERIES}, CAST(:hour AS timestamptz), CAST(:final AS boolean),
           minutes.mean, minutes.highest, minutes.samples,
           fives.fives, fives.means, fives.highs, fives.counts,
           minutes.minutes, minutes.means, minutes.highs, minutes.counts
    FROM minutes JOIN fives USING ({_SERIES})
    ORDER BY {_SERIES}
    ON CONFLICT ({_SERIES}, hour) DO UPDATE SET
        final = excluded.final, mean = excluded.mean, highest = excluded.highest, samples = excluded.samples,
        fives = excluded.fives, five_means = excluded.five_means, five_highs = excluded.five_highs,
        five_samples = excluded.five_samples, minutes = excluded.minutes, minute_means = excluded.minute_means,
        minute_highs = excluded.minute_highs, minute_samples = excluded.minute_samples
"""  # noqa: S608 - constants of ours
_ROLL_READ = text(_ROLL.format(samples=_READ))
_ROLL_REMOVED = text(_ROLL.format(samples=_REMOVE))
_PROGRESS = text("SELECT position, rolled_until FROM monitoring_progress WHERE name = 'rollups'")
_LAST = text("SELECT coalesce(max(id), 0) FROM monitoring_data")
_STALE_HOURS = text("""
    SELECT DISTINCT date_trunc('hour', timestamp) FROM monitoring_data
    WHERE id > :position AND id <= :upto AND timestamp >= :horizon AND timestamp < :closed
    UNION
    SELECT generate_series(CAST(:first AS timestamptz), CAST(:last AS timestamptz), interval '1 hour')
    ORDER BY 1
""")
_NOTE = text("""
    INSERT INTO monitoring_progress (name, position, rolled_until) VALUES ('rollups', :position, :rolled_until)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, rolled_until = excluded.rolled_until
""")
_OLDEST = text("""
    SELECT date_trunc('hour', min(oldest.timestamp)) FROM tenants, LATERAL (
        SELECT timestamp FROM monitoring_data WHERE tenant_id = tenants.id AND timestamp < :horizon
        ORDER BY timestamp LIMIT 1
    ) AS oldest
""")
_FORGET = text("DELETE FROM monitoring_rollups WHERE hour < :before")
_PARTITIONS = text("""
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'monitoring_data'::regclass ORDER BY 1
""")
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


class Rollups:
    """The rollups of one mode's database. Every method raises DependencyUnavailable, or TemporaryError."""

    def __init__(self, database: Database, now: Callable[[], datetime], *, raw_hours: int, days: int) -> None:
        """Samples are kept for `raw_hours`, rollups for `days`."""
        self._database = database
        self._now = now
        self._raw = timedelta(hours=raw_hours)
        self._kept = timedelta(days=days)

    async def run(self, every: float, late: asyncio.Event, outage: Outage) -> None:
        """Roll and remove every so many seconds, and soon after `late` is set, until cancelled."""
        while True:
            late.clear()
            try:
                await self.roll()
                await self.purge()
                outage.ends("Samples are rolled up again.")
            except TemporaryError as error:
                outage.begins(f"No samples are rolled up: {error.message}")
            await asyncio.sleep(min(every, _PAUSE))
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await late.wait()

    async def roll(self) -> None:
        """Roll the hours that have ended since, and those of which something came late."""
        closed, horizon = _hour(self._now()), _hour(self._now() - self._raw)
        async with self._database.begin() as connection:
            position, rolled_until = await _progress(connection)
            upto = int(await connection.scalar(_LAST) or 0)
            parameters = {
                "position": position - _OVERLAP,
                "upto": upto,
                "horizon": horizon,
                "closed": closed,
                "first": max(rolled_until, horizon),
                "last": closed - timedelta(hours=1),
            }
            hours = (await connection.execute(_STALE_HOURS, parameters)).scalars().all()
        for hour in hours:
            await self._write(_ROLL_READ, hour, final=False)
        async with self._database.begin() as connection:
            await connection.execute(_NOTE, {"position": upto, "rolled_until": closed})

    async def purge(self) -> None:
        """Remove the samples that have served their time, month by month the partitions, and the oldest rollups."""
        horizon = _hour(self._now() - self._raw)
        for _ in range(_MOST_HOURS):
            async with self._database.begin() as connection:
                oldest = await connection.scalar(_OLDEST, {"horizon": horizon})
            if oldest is None:
                break
            await self._write(_ROLL_REMOVED, oldest, final=True)
        async with self._database.begin() as connection:
            await connection.execute(_FORGET, {"before": self._now() - self._kept})
            names = (await connection.execute(_PARTITIONS)).scalars().all()
        for name in _ended(names, horizon.date()):
            await self._drop(name)

    async def requests(self, row_id: int, start: datetime, end: datetime) -> list[Minute]:
        """A tenant's requests by minute."""
        async with self._database.begin() as connection:
            _, rolled_until = await _progress(connection)
            parameters = {
                "row_id": row_id,
                "names": [TOTAL, BAD],
                "first_hour": _hour(start),
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
            Minute(slice_of(at), each[TOTAL], each.get(BAD, 0.0)) for at, each in sorted(found.items()) if TOTAL in each
        ]

    async def _write(self, statement: object, hour: datetime, *, final: bool) -> None:
        async with self._database.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.execute(statement, {"hour": hour, "final": final})  # type: ignore[call-overload]

    async def _drop(self, name: str) -> None:
        async with self._database.begin() as connection:
            # Everybody who writes would wait behind us: rather try again later.
            await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            if await drop_partition(connection, name):
                _log.info(f"{name} is dropped: its samples are rolled up.", action="drop-partition")


async def _progress(connection: AsyncConnection) -> tuple[int, datetime]:
    row = (await connection.execute(_PROGRESS)).one_or_none()
    return (row.position, row.rolled_until) if row is not None else (0, _EPOCH)


def _ended(names: Sequence[str], horizon: date) -> list[str]:
    """The partitions of months that ended before `horizon`; those with other names are somebody else's."""
    found = []
    for name in names:
        match = _PARTITION.fullmatch(name)
        if match and (int(match[1]), int(match[2])) < (horizon.year, horizon.month):
            found.append(name)
    return found


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)

"""Samples as means and maxima by minute, five minutes and hour; of our own, that is all that stays.

A row of `monitoring_rollups` is an hour of a series. An hour is rolled when it has ended, and again when something of
it comes late, from all its samples: so that doing it twice changes nothing. When the samples that we collected have
served their time they are removed in the transaction that makes its row final; what comes later still is added to the
final row and removed in the same way.

What others wrote stays for the retention, in the partition it is in. It is rolled into rows of its own (`kept`), which
never are final: they are made from its samples again when more come, however old. A partition of ours is dropped when
nothing is left in it; one that a customer made never.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.collect.prometheus import SOURCE as PROMETHEUS
from services.monitor.collect.readings import SOURCE
from services.monitor.outage_log import Outage
from shared.database import Database, drop_partition
from shared.database.partitions import last_day
from shared.errors import TemporaryError
from shared.measuring import LARGEST
from shared.sla import slice_of
from shared.sla.requests import Minute

TOTAL, BAD = "request_count", "error_count"
"""The metrics that requests are counted by; both are counts of what happened since the sample before."""
_LOCK = 0x6563_7004
_OVERLAP = 10_000
"""Ids are given out before they are committed: those of writes that were under way at the last look are read again."""
_MOST_HOURS = 500
"""Hours whose samples are removed in one pass."""
_PAUSE = 2.0
"""Seconds between two passes at least, however much comes late."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_log = structlog.get_logger(__name__)

_SERIES = "tenant_id, metric_type, metric_name, kept"
_IS_OURS = f"coalesce(data_source, '') IN ('{SOURCE}', '{PROMETHEUS}')"
_SAMPLE = f"tenant_id, metric_type, metric_name, NOT ({_IS_OURS}) AS kept, timestamp, metric_value"
_OF_HOUR = "tenant_id IS NOT NULL AND timestamp >= :hour AND timestamp < CAST(:hour AS timestamptz) + interval '1 hour'"
_READ = f"SELECT {_SAMPLE} FROM monitoring_data WHERE {_OF_HOUR}"  # noqa: S608 - constants of ours
_READ_KEPT = f"{_READ} AND NOT ({_IS_OURS})"
_REMOVE = f"DELETE FROM monitoring_data WHERE {_OF_HOUR} AND {_IS_OURS} RETURNING {_SAMPLE}"  # noqa: S608
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
    INSERT INTO monitoring_rollups ({_SERIES}, hour, final, mean, highest, samples, fives, five_means, five_highs,
        five_samples, minutes, minute_means, minute_highs, minute_samples)
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
_ROLL_KEPT = text(_ROLL.format(samples=_READ_KEPT))
_ROLL_REMOVED = text(_ROLL.format(samples=_REMOVE))
_PROGRESS = text("SELECT position, rolled_until FROM monitoring_progress WHERE name = :name")
_ROLLING, _PURGING = "rollups", "purge"
_LAST = text("SELECT coalesce(max(id), 0) FROM monitoring_data")
_STALE_HOURS = text(f"""
    SELECT DISTINCT date_trunc('hour', timestamp) FROM monitoring_data
    WHERE id > :position AND id <= :upto AND timestamp < :closed
        AND (timestamp >= :horizon OR timestamp >= :oldest AND NOT ({_IS_OURS}))
    UNION
    SELECT generate_series(CAST(:first AS timestamptz), CAST(:last AS timestamptz), interval '1 hour')
    ORDER BY 1
""")  # noqa: S608 - constants of ours
_NOTE = text("""
    INSERT INTO monitoring_progress (name, position, rolled_until) VALUES (:name, :position, :rolled_until)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, rolled_until = excluded.rolled_until
""")
# By tenant, since that is how the table is indexed: others' samples of a year are passed over, not read.
_AGED_HOURS = text(f"""
    SELECT DISTINCT aged.hour FROM tenants, LATERAL (
        SELECT DISTINCT date_trunc('hour', timestamp) AS hour FROM monitoring_data
        WHERE tenant_id = tenants.id AND timestamp >= :purged_until AND timestamp < :horizon AND {_IS_OURS}
    ) AS aged
    UNION
    SELECT date_trunc('hour', timestamp) FROM monitoring_data
    WHERE id > :position AND timestamp < :horizon AND tenant_id IS NOT NULL AND {_IS_OURS}
    ORDER BY 1 LIMIT {_MOST_HOURS}
""")  # noqa: S608 - constants of ours
_FORGET = text("DELETE FROM monitoring_rollups WHERE hour < :before")
# By way of the table, on which the monitor's role has rights, and not on its partitions.
_EMPTY = text("DELETE FROM monitoring_data WHERE tableoid = to_regclass(:name)")
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

    def __init__(
        self, database: Database, now: Callable[[], datetime], *, raw_hours: int, days: int, retention_days: int = 400
    ) -> None:
        """Our samples are kept for `raw_hours`, others' for `retention_days`, rollups for `days`."""
        self._database = database
        self._now = now
        self._raw = timedelta(hours=raw_hours)
        self._kept = timedelta(days=days)
        self._retention = timedelta(days=retention_days)

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
            position, rolled_until = await _progress(connection, _ROLLING)
            upto = int(await connection.scalar(_LAST) or 0)
            parameters = {
                "position": position - _OVERLAP,
                "upto": upto,
                "horizon": horizon,
                "oldest": self._now() - self._retention,
                "closed": closed,
                "first": max(rolled_until, horizon),
                "last": closed - timedelta(hours=1),
            }
            hours = (await connection.execute(_STALE_HOURS, parameters)).scalars().all()
        for hour in hours:
            await self._write(_ROLL_READ if hour >= horizon else _ROLL_KEPT, hour, final=False)
        async with self._database.begin() as connection:
            await connection.execute(_NOTE, {"name": _ROLLING, "position": upto, "rolled_until": closed})

    async def purge(self) -> None:
        """Remove what has served its time: our samples, others' with their partitions, and the oldest rollups."""
        now = self._now()
        await self._purge_ours(_hour(now - self._raw))
        async with self._database.begin() as connection:
            await connection.execute(_FORGET, {"before": now - self._kept})
            names = (await connection.execute(_PARTITIONS)).scalars().all()
        for name in names:
            last = last_day(name)
            if last is not None and last < (now - self._raw).date():
                await self._drop(name, expired=last < (now - self._retention).date())

    async def _purge_ours(self, horizon: datetime) -> None:
        """Remove our samples of before `horizon`, hour by hour, as many hours as one pass may."""
        async with self._database.begin() as connection:
            position, purged_until = await _progress(connection, _PURGING)
            upto = int(await connection.scalar(_LAST) or 0)
            parameters = {"purged_until": purged_until, "horizon": horizon, "position": position - _OVERLAP}
            hours = (await connection.execute(_AGED_HOURS, parameters)).scalars().all()
        for hour in hours:
            await self._write(_ROLL_REMOVED, hour, final=True)
        if len(hours) < _MOST_HOURS:
            async with self._database.begin() as connection:
                await connection.execute(_NOTE, {"name": _PURGING, "position": upto, "rolled_until": horizon})

    async def requests(self, row_id: int, start: datetime, end: datetime) -> list[Minute]:
        """A tenant's requests by minute."""
        async with self._database.begin() as connection:
            _, rolled_until = await _progress(connection, _ROLLING)
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

    async def _drop(self, name: str, *, expired: bool) -> None:
        """Drop a partition of ours if it is empty; before, remove what is left of one that is past the retention."""
        async with self._database.begin() as connection:
            if expired:
                await connection.execute(_EMPTY, {"name": name})
            # Everybody who writes would wait behind us: rather try again later.
            await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            if await drop_partition(connection, name):
                _log.info(f"{name} is dropped: its samples are rolled up.", action="drop-partition")


async def _progress(connection: AsyncConnection, name: str) -> tuple[int, datetime]:
    row = (await connection.execute(_PROGRESS, {"name": name})).one_or_none()
    return (row.position, row.rolled_until) if row is not None else (0, _EPOCH)


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)

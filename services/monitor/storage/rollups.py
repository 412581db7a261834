"""Rolls samples up to means and maxima by minute, five minutes and hour, and removes samples that are old enough.

A row of `monitoring_rollups` is one hour of a series. An hour is rolled up when it has ended, and again from all its
samples when a late sample arrives, so that repeating it changes nothing. Samples that the monitor took itself are
removed after the raw retention, in the transaction that makes their row final; samples that arrive even later are added
to the final row and removed in the same way.

Samples of other systems stay for the whole retention. They are rolled up into rows of their own (`kept`), which are
never final: they are rolled up again from the samples whenever more arrive. A partition that the monitor made is
dropped when it is empty; a partition that a user made is never dropped.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause

from services.monitor.clock import Now
from services.monitor.metric_names import KUBERNETES, PROMETHEUS
from services.monitor.outage_log import OutageLog
from services.monitor.storage.progress import (
    OVERLAP,
    PURGE,
    ROLLUPS,
    Progress,
    hour_of,
    last_id,
    read_progress,
    write_progress,
)
from shared.database import Database, drop_partition
from shared.database.partitions import last_day
from shared.errors import TemporaryError
from shared.measuring import LARGEST

_LOCK = 0x6563_7004
_MOST_HOURS = 500
"""Hours whose samples are removed in one pass."""
_PAUSE = 2.0
"""The shortest pause in seconds between two passes, however many samples are late."""

_log = structlog.get_logger(__name__)

_SERIES = "tenant_id, metric_type, metric_name, kept"
_IS_OURS = f"coalesce(data_source, '') IN ('{KUBERNETES}', '{PROMETHEUS}')"
_SAMPLE = f"tenant_id, metric_type, metric_name, NOT ({_IS_OURS}) AS kept, timestamp, metric_value"
_OF_HOUR = "tenant_id IS NOT NULL AND timestamp >= :hour AND timestamp < CAST(:hour AS timestamptz) + interval '1 hour'"
_READ = f"SELECT {_SAMPLE} FROM monitoring_data WHERE {_OF_HOUR}"  # noqa: S608 - constants of ours
_READ_KEPT = f"{_READ} AND NOT ({_IS_OURS})"
_REMOVE = f"DELETE FROM monitoring_data WHERE {_OF_HOUR} AND {_IS_OURS} RETURNING {_SAMPLE}"  # noqa: S608
# Rounded to 15 digits: further digits of a sum of binary fractions are rounding errors.
_MEAN = "(total / samples)::numeric::float8"
# Values inserted by hand may be NaN, or overflow a sum: they aren't measurements.
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
_STALE_HOURS = text(f"""
    SELECT DISTINCT date_trunc('hour', timestamp) FROM monitoring_data
    WHERE id > :position AND id <= :upto AND timestamp < :closed
        AND (timestamp >= :horizon OR timestamp >= :oldest AND NOT ({_IS_OURS}))
    UNION
    SELECT generate_series(CAST(:first AS timestamptz), CAST(:last AS timestamptz), interval '1 hour')
    ORDER BY 1
""")  # noqa: S608 - constants of ours
# By tenant, as the table is indexed: then a year of other systems' samples is skipped instead of read.
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
# Through the parent table, since the monitor's role has no rights on its partitions.
_EMPTY = text("DELETE FROM monitoring_data WHERE tableoid = to_regclass(:name)")
_PARTITIONS = text("""
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'monitoring_data'::regclass ORDER BY 1
""")


class Rollups:
    """The rollups of one mode's database. Every method raises DependencyUnavailable, or TemporaryError."""

    def __init__(self, database: Database, now: Now, *, raw_hours: int, days: int, retention_days: int = 400) -> None:
        """Keep the monitor's samples for `raw_hours`, other systems' for `retention_days`, rollups for `days`."""
        self._database = database
        self._now = now
        self._raw = timedelta(hours=raw_hours)
        self._kept = timedelta(days=days)
        self._retention = timedelta(days=retention_days)
        self._outage = OutageLog()

    async def run(self, every: float, late: asyncio.Event) -> None:
        """Roll up and remove every `every` seconds, and soon after `late` is set, until cancelled."""
        while True:
            late.clear()
            try:
                await self.roll()
                await self.purge()
                self._outage.ends("Samples are rolled up again.")
            except TemporaryError as error:
                self._outage.begins(f"Samples are not rolled up: {error.message}")
            await asyncio.sleep(min(every, _PAUSE))
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await late.wait()

    async def roll(self) -> None:
        """Roll up the hours that have ended since the last pass, and those with late samples."""
        closed, horizon = hour_of(self._now()), hour_of(self._now() - self._raw)
        async with self._database.begin() as connection:
            done = await read_progress(connection, ROLLUPS)
            upto = await last_id(connection)
            parameters = {
                "position": done.position - OVERLAP,
                "upto": upto,
                "horizon": horizon,
                "oldest": self._now() - self._retention,
                "closed": closed,
                "first": max(done.until, horizon),
                "last": closed - timedelta(hours=1),
            }
            hours = (await connection.execute(_STALE_HOURS, parameters)).scalars().all()
        for hour in hours:
            await self._write(_ROLL_READ if hour >= horizon else _ROLL_KEPT, hour, final=False)
        async with self._database.begin() as connection:
            await write_progress(connection, ROLLUPS, Progress(upto, closed))

    async def purge(self) -> None:
        """Remove what is past its retention: own samples, other systems' partitions, and rollups."""
        now = self._now()
        await self._purge_own(hour_of(now - self._raw))
        async with self._database.begin() as connection:
            await connection.execute(_FORGET, {"before": now - self._kept})
            names = (await connection.execute(_PARTITIONS)).scalars().all()
        for name in names:
            last = last_day(name)
            if last is not None and last < (now - self._raw).date():
                await self._drop(name, expired=last < (now - self._retention).date())

    async def _purge_own(self, horizon: datetime) -> None:
        """Remove the monitor's own samples from before `horizon`, at most `_MOST_HOURS` hours in a pass."""
        async with self._database.begin() as connection:
            done = await read_progress(connection, PURGE)
            upto = await last_id(connection)
            parameters = {"purged_until": done.until, "horizon": horizon, "position": done.position - OVERLAP}
            hours = (await connection.execute(_AGED_HOURS, parameters)).scalars().all()
        for hour in hours:
            await self._write(_ROLL_REMOVED, hour, final=True)
        if len(hours) < _MOST_HOURS:
            async with self._database.begin() as connection:
                await write_progress(connection, PURGE, Progress(upto, horizon))

    async def _write(self, statement: TextClause, hour: datetime, *, final: bool) -> None:
        async with self._database.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.execute(statement, {"hour": hour, "final": final})

    async def _drop(self, name: str, *, expired: bool) -> None:
        """Drop a partition of ours if it is empty; empty it before if it is past the retention."""
        async with self._database.begin() as connection:
            if expired:
                await connection.execute(_EMPTY, {"name": name})
            # All writers wait behind a waiting lock: give up early, the next pass tries again.
            await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            if await drop_partition(connection, name):
                _log.info(f"Dropped partition {name}: its samples are rolled up.", action="drop-partition")

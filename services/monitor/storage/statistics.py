"""Refreshes the planner's statistics once a night.

Autovacuum analyzes each partition of `monitoring_data`, but never the partitioned table as a whole, and a table that
grows evenly waits long for its turn. `refresh_statistics()` runs with the owner's rights, because the monitor's role
owns no table. Of several replicas the one with the advisory lock does it; the others see from `monitoring_progress`
that it was done.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg
import structlog

from services.monitor.clock import Now, utc_now
from services.monitor.storage.progress import Progress, read_progress, write_progress
from shared.database import Database
from shared.database.partitions import LOCK as PARTITIONS_LOCK

_log = structlog.get_logger(__name__)
STATISTICS = "statistics"
"""The row of `monitoring_progress`."""
_LOCK = 0x6563_7005
_TRY = "SELECT pg_try_advisory_xact_lock($1) AND pg_try_advisory_xact_lock($2)"
"""The second lock keeps partitions from being made meanwhile: behind one, all samples would wait for the ANALYZE."""
_WINDOW = timedelta(hours=4)
"""The quiet time after the hour. A monitor that doesn't run in it waits for the next night."""
_OVERDUE = timedelta(hours=48)
"""After this long it doesn't wait for the night any more."""
_SECONDS = 900.0
"""An ANALYZE reads 30,000 rows of each partition."""
_DONE = 1
"""The row's position after a refresh; 0 before the first."""
_READ = "SELECT rolled_until FROM monitoring_progress WHERE name = $1 FOR UPDATE"
_WRITE = "UPDATE monitoring_progress SET position = $2, rolled_until = $3 WHERE name = $1"


class Statistics:
    """The statistics of one database."""

    def __init__(self, database: Database, *, hour: int, shown: Callable[[datetime], None], now: Now = utc_now) -> None:
        """They are refreshed after `hour` (UTC). `shown` takes the time of the last refresh."""
        self._database = database
        self._hour = hour
        self._shown = shown
        self._now = now

    async def run_once(self) -> None:
        """Refresh them if that is due. Raises TemporaryError."""
        now = self._now()
        async with self._database.begin() as connection:
            progress = await read_progress(connection, STATISTICS)
            if progress.until < datetime(2000, 1, 1, tzinfo=now.tzinfo):
                # A new database: the first night is yet to come.
                progress = Progress(0, now)
                await write_progress(connection, STATISTICS, progress)
        if progress.position == _DONE:
            self._shown(progress.until)
        if is_due(now, progress.until, self._hour):
            await self._refresh(now)

    async def _refresh(self, now: datetime) -> None:
        """In a session of its own, which may take longer than the pool's statements."""
        async with self._database.session() as session, session.transaction():
            if not await session.fetchval(_TRY, _LOCK, PARTITIONS_LOCK):
                return
            if not is_due(now, await session.fetchval(_READ, STATISTICS), self._hour):
                return
            seconds = await _analyze(session)
            await session.execute(_WRITE, STATISTICS, _DONE, now)
        self._shown(now)
        _log.info(
            f"Refreshed the statistics of {self._database.name} in {seconds:.1f} s.",
            action="refresh-statistics",
            seconds=round(seconds, 1),
        )


def is_due(now: datetime, last: datetime, hour: int) -> bool:
    """Whether the statistics of `last` are to be refreshed: in the quiet time of a night, or when long overdue."""
    begin = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    begin -= timedelta(days=1) if begin > now else timedelta()
    return last < begin and (now - begin < _WINDOW or now - last > _OVERDUE)


async def _analyze(session: asyncpg.Connection) -> float:
    began = time.monotonic()
    await session.execute("SELECT refresh_statistics()", timeout=_SECONDS)
    return time.monotonic() - began

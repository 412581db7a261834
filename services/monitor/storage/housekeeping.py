"""Housekeeping of the monitor's tables: partitions for the months to come, and the removal of old availability."""

from datetime import timedelta

import structlog

from services.monitor.clock import Now, utc_now
from services.monitor.storage.availability_store import AvailabilityStore
from shared.database import Database, ensure_partitions

_log = structlog.get_logger(__name__)


class Housekeeping:
    """The housekeeping of one database."""

    def __init__(self, database: Database, availability: AvailabilityStore, *, days: int, now: Now = utc_now) -> None:
        """Availability is kept for `days`."""
        self._database = database
        self._availability = availability
        self._days = days
        self._now = now

    async def run_once(self) -> None:
        """Make partitions two months ahead, early enough to notice failures. Raises TemporaryError."""
        async with self._database.begin() as connection:
            await ensure_partitions(connection, self._now().date())
        removed = await self._availability.forget(self._now() - timedelta(days=self._days))
        if removed:
            _log.info(f"Removed {removed} availability runs older than {self._days} days.", action="forget-runs")

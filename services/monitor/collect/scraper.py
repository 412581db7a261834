"""Publishes what Prometheus knows of the tenants, as long as this process holds the cluster's lease.

Every 15 s of wall time; the event's id is of the moment, so that whoever asks again says nothing new.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from services.monitor.collect.prometheus import INTERVAL_SECONDS, SOURCE
from services.monitor.collect.sampler import Publish, utc_now
from services.monitor.outage_log import Outage
from shared.bus import derived_id
from shared.errors import TemporaryError
from shared.events import MetricsCollected
from shared.subjects import Mode


class Source(Protocol):
    """What scraping needs of Prometheus."""

    async def read(self, time: float) -> dict[str, dict[str, float]]:
        """The values of each tenant. Raises DependencyUnavailable."""


class Scraper:
    """Reads one Prometheus for one mode's tenants."""

    def __init__(
        self,
        mode: Mode,
        source: Source,
        publish: Publish,
        *,
        leads: Callable[[], bool],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._mode = mode
        self._source = source
        self._publish = publish
        self._leads = leads
        self._now = now
        self._outage = Outage(mode=mode)

    async def run(self) -> None:
        """Scrape until cancelled."""
        while True:
            now = self._now().timestamp()
            await asyncio.sleep(INTERVAL_SECONDS - now % INTERVAL_SECONDS)
            if self._leads():
                await self.scrape()

    async def scrape(self) -> None:
        """Publish this moment's values. What can't be read, or said, now is missing and not made up."""
        time = datetime.fromtimestamp(self._now().timestamp() // INTERVAL_SECONDS * INTERVAL_SECONDS, UTC)
        try:
            values = await self._source.read(time.timestamp())
            await asyncio.gather(*(self._say(tenant_id, time, each) for tenant_id, each in values.items()))
        except TemporaryError as error:
            self._outage.begins(f"Nothing comes from Prometheus: {error.message}")
        else:
            self._outage.ends("Prometheus answers again.")

    async def _say(self, tenant_id: str, time: datetime, values: dict[str, float]) -> None:
        event_id = derived_id(self._mode, MetricsCollected.subject, SOURCE, tenant_id, time.isoformat())
        event = MetricsCollected(tenant_id=tenant_id, time=time, values=values, source=SOURCE)
        await self._publish(event, mode=self._mode, event_id=event_id, correlation_id=event_id, time=time)

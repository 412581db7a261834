"""Publishes the tenants' values from Prometheus every 15 s, in the copy that does what isn't divided.

Timestamps and event ids are aligned to 15 s of wall time: a replica that repeats a scrape publishes duplicates.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from services.monitor.clock import Now, utc_now
from services.monitor.collect.prometheus import INTERVAL_SECONDS
from services.monitor.collect.slice_events import slice_events
from services.monitor.metric_names import PROMETHEUS
from services.monitor.outage_log import OutageLog
from services.monitor.publisher import PublishSamples
from shared.errors import TemporaryError
from shared.events import TenantSample


class ScrapedPrometheus(Protocol):
    """A Prometheus server, as far as the scraper needs it."""

    async def read(self, time: float) -> dict[str, dict[str, float]]:
        """The values of each tenant at `time` (Unix seconds). Raises DependencyUnavailable."""


class Scraper:
    """Reads one Prometheus server."""

    def __init__(
        self,
        prometheus: ScrapedPrometheus,
        publish: PublishSamples,
        *,
        leads: Callable[[], bool],
        now: Now = utc_now,
    ) -> None:
        """Scrapes only while `leads` returns True."""
        self._prometheus = prometheus
        self._publish = publish
        self._leads = leads
        self._now = now
        self._outage = OutageLog()

    async def run(self) -> None:
        """Scrape until cancelled."""
        while True:
            now = self._now().timestamp()
            await asyncio.sleep(INTERVAL_SECONDS - now % INTERVAL_SECONDS)
            if self._leads():
                await self.scrape()

    async def scrape(self) -> None:
        """Publish the values of the current interval. After a failure they are missing: gaps are never filled."""
        time = datetime.fromtimestamp(self._now().timestamp() // INTERVAL_SECONDS * INTERVAL_SECONDS, UTC)
        try:
            values = await self._prometheus.read(time.timestamp())
            samples = [TenantSample(tenant_id=tenant_id, values=each) for tenant_id, each in values.items()]
            await asyncio.gather(*map(self._publish, slice_events(time, PROMETHEUS, samples)))
        except TemporaryError as error:
            self._outage.begins(f"No values from Prometheus: {error.message}")
        else:
            self._outage.ends("Prometheus is available again.")

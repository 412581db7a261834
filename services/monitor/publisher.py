"""Publishes what the monitor observed in one mode.

Event ids are deterministic: a replica that repeats an observation publishes a duplicate, which the bus drops.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.monitor.metric_names import KUBERNETES
from shared.bus import ModePublisher, derived_id
from shared.events import MetricsCollected, MetricsSampled, SlaReported
from shared.subjects import Mode

PublishSamples = Callable[[MetricsSampled], Awaitable[None]]
"""Publish the samples of many tenants at one moment. Raises DependencyUnavailable."""
PublishReport = Callable[[SlaReported], Awaitable[None]]
"""Publish a report. Raises DependencyUnavailable."""


def sample_id(mode: Mode, tenant_id: str, time: datetime, source: str = KUBERNETES) -> str:
    """The event id of a monitor of an earlier version, which published each tenant's sample at `time` (UTC) alone."""
    return derived_id(mode, MetricsCollected.subject, source, tenant_id, time.isoformat())


class ObservationPublisher:
    """Publishes samples and reports of one mode."""

    def __init__(self, mode: Mode, bus: ModePublisher) -> None:
        """`bus` publishes in `mode`, which is a part of the event ids."""
        self._mode = mode
        self._bus = bus

    async def publish_samples(self, event: MetricsSampled) -> None:
        """Publish samples; those of the same source, time and tenants are a duplicate. Raises DependencyUnavailable."""
        tenants = [each.tenant_id for each in event.samples]
        await self._publish_at(
            event, derived_id(self._mode, event.subject, event.source, event.time.isoformat(), *tenants)
        )

    async def publish_report(self, report: SlaReported) -> None:
        """Publish a report; an equal one is a duplicate. Raises DependencyUnavailable."""
        await self._publish_at(report, derived_id(self._mode, report.subject, report.model_dump_json()))

    async def _publish_at(self, event: MetricsSampled | SlaReported, event_id: str) -> None:
        await self._bus.publish(event, event_id=event_id, correlation_id=event_id, time=event.time)

"""Publishes what the monitor observed in one mode.

Event ids are deterministic: a replica that repeats an observation publishes a duplicate, which the bus drops.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.monitor.metric_names import KUBERNETES
from shared.bus import ModePublisher, derived_id
from shared.events import MetricsCollected, SlaReported
from shared.subjects import Mode

PublishSample = Callable[[MetricsCollected], Awaitable[None]]
"""Publish a sample. Raises DependencyUnavailable."""
PublishReport = Callable[[SlaReported], Awaitable[None]]
"""Publish a report. Raises DependencyUnavailable."""


def sample_id(mode: Mode, tenant_id: str, time: datetime, source: str = KUBERNETES) -> str:
    """The event id of the sample that the monitor takes of a tenant at `time` (UTC)."""
    return derived_id(mode, MetricsCollected.subject, source, tenant_id, time.isoformat())


class ObservationPublisher:
    """Publishes samples and reports of one mode."""

    def __init__(self, mode: Mode, bus: ModePublisher) -> None:
        """`bus` publishes in `mode`, which is a part of the event ids."""
        self._mode = mode
        self._bus = bus

    async def publish_sample(self, sample: MetricsCollected) -> None:
        """Publish a sample; one of the same source, tenant and time is a duplicate. Raises DependencyUnavailable."""
        await self._publish_at(sample, sample_id(self._mode, sample.tenant_id, sample.time, sample.source))

    async def publish_report(self, report: SlaReported) -> None:
        """Publish a report; an equal one is a duplicate. Raises DependencyUnavailable."""
        await self._publish_at(report, derived_id(self._mode, report.subject, report.model_dump_json()))

    async def _publish_at(self, event: MetricsCollected | SlaReported, event_id: str) -> None:
        await self._bus.publish(event, event_id=event_id, correlation_id=event_id, time=event.time)

"""Takes measurements by REST and says them as `metrics.collected`.

Published at once and acknowledged, not through the outbox: no row of ours is written along with them, so there is
nothing that the outbox would keep together, and a client that gets no answer may repeat its call. The event's id
follows from what was measured, or from the Idempotency-Key where there is one: a repeated call is no second sample.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.gateway import context
from services.gateway.errors import tenant_not_found
from services.gateway.measurements import renamed
from services.gateway.schemas.monitoring import MetricsAccepted, MetricsPoint
from services.gateway.store import tenants as store
from shared.bus import Worker, derived_id
from shared.database import Databases
from shared.errors import DependencyUnavailable
from shared.events import MetricsCollected
from shared.subjects import Mode

SOURCE = "api"
_UNAVAILABLE = "MONITORING_UNAVAILABLE"


class Recorder:
    """Posted measurements."""

    def __init__(self, databases: Databases, worker: Worker) -> None:
        self._databases = databases
        self._worker = worker

    async def record(
        self, mode: Mode, tenant_id: str, points: Sequence[MetricsPoint], key: str | None = None
    ) -> MetricsAccepted:
        """Publish each point. Raises Refused, or DependencyUnavailable (MONITORING_UNAVAILABLE)."""
        async with self._databases[mode].begin() as connection:
            if await store.find_tenant(connection, tenant_id) is None:
                raise tenant_not_found(tenant_id)
        context.current().tenant_id = tenant_id
        now = datetime.now(UTC)
        events = [
            MetricsCollected(
                tenant_id=tenant_id, time=point.timestamp or now, values=renamed(point.metrics), source=SOURCE
            )
            for point in points
        ]
        with context.timed("publish"):
            for index, event in enumerate(events):
                identity = (tenant_id, key, str(index)) if key else (event.model_dump_json(),)
                await self._publish(mode, event, derived_id(mode, event.subject, *identity))
        return MetricsAccepted(
            tenant_id=tenant_id,
            accepted=sum(len(event.values) for event in events),
            timestamp=events[-1].time,
            metrics=events[-1].values,
        )

    async def _publish(self, mode: Mode, event: MetricsCollected, event_id: str) -> None:
        if not self._worker.started:
            raise DependencyUnavailable("NATS", "the gateway isn't connected yet", code=_UNAVAILABLE)
        try:
            await self._worker.publisher.publish(
                event,
                mode=mode,
                event_id=event_id,
                correlation_id=context.current().request_id,
                time=event.time,
            )
        except DependencyUnavailable as error:
            raise DependencyUnavailable(error.name, "the measurements can't be taken now", code=_UNAVAILABLE) from error

"""Publishes the events of the gateway's outbox, and shows how much of it waits."""

import asyncpg

from services.gateway.metrics import GatewayMetrics
from services.gateway.outbox.repository import OUTBOX, backlog
from shared.bus import EventPublisher
from shared.database import Database
from shared.outbox import OutboxDrainer
from shared.subjects import Mode


def outbox_drainer(
    mode: Mode, database: Database, publisher: EventPublisher, metrics: GatewayMetrics, *, poll: float
) -> OutboxDrainer:
    """The drainer of one mode; `poll` is in seconds."""

    async def measure(session: asyncpg.Connection) -> None:
        found = await backlog(session)
        metrics.outbox_events.labels(mode).set(found.events)
        metrics.outbox_age.labels(mode).set(found.age)

    return OutboxDrainer(OUTBOX, database, publisher.publish_encoded, poll=poll, measure=measure)

"""Publishes the events of the monitor's outbox: one copy for each database, elected by an advisory lock.

The lock belongs to the session that reads the events, so a copy that loses its session stops, and another takes over.
If both publish the same event in between, NATS drops the duplicate by its id. The events of a tenant are published in
order, those of different tenants concurrently.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from services.monitor.alerts import outbox
from services.monitor.alerts.outbox import UnpublishedEvent
from services.monitor.outage_log import OutageLog
from shared.bus.envelope import TENANT_ID
from shared.database import Database
from shared.errors import PermanentError, TemporaryError
from shared.process.backoff import Backoff

_BATCH = 200
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two attempts while PostgreSQL or NATS is away."""
_POLL = 1.0
"""Seconds: covers lost notifications, and a lock that another copy gave up."""

Publish = Callable[..., Awaitable[None]]
"""Publishes an encoded event. Raises DependencyUnavailable unless NATS acknowledges it."""


class OutboxDrainer:
    """Empties the outbox of one mode."""

    def __init__(self, database: Database, publish: Publish) -> None:
        self._database = database
        self._publish = publish
        self._filled = asyncio.Event()
        self._outage = OutageLog()
        self._backoff = Backoff(_SHORTEST_PAUSE, _LONGEST_PAUSE)

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            try:
                async with self._database.session() as session:
                    await self._lead(session)
            except (TemporaryError, PermanentError) as error:
                self._outage.begins(f"Events of alerts are not published: {error.message}")
            await self._backoff.sleep()

    async def _lead(self, session: asyncpg.Connection) -> None:
        await session.add_listener(outbox.CHANNEL, self._wake)
        leads = False
        while True:
            self._filled.clear()
            leads = leads or await outbox.try_lock(session)
            if leads:
                await self._drain(session)
                self._outage.ends("Events of alerts are published again.")
                self._backoff.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await self._filled.wait()

    async def _drain(self, session: asyncpg.Connection) -> None:
        """Publish everything. Raises DependencyUnavailable if some of it wasn't acknowledged."""
        while batch := await outbox.oldest_events(session, _BATCH):
            published: list[int] = []
            try:
                sequences = (self._publish_in_order(sequence, published) for sequence in _by_tenant(batch))
                results = await asyncio.gather(*sequences, return_exceptions=True)
            finally:
                await outbox.remove(session, published)
            for failure in (each for each in results if each is not None):
                raise failure
            if len(batch) < _BATCH:
                return

    async def _publish_in_order(self, events: Iterable[UnpublishedEvent], published: list[int]) -> None:
        for each in events:
            await self._publish(*each.event)
            published.append(each.id)

    def _wake(self, *_: Any) -> None:
        self._filled.set()


def _by_tenant(batch: Iterable[UnpublishedEvent]) -> Iterable[Sequence[UnpublishedEvent]]:
    """The events grouped by tenant, each group in the order of the ids."""
    groups: dict[str | None, list[UnpublishedEvent]] = {}
    for each in batch:
        groups.setdefault(each.event.headers.get(TENANT_ID), []).append(each)
    return groups.values()

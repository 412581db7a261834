"""Carries events from the outbox to NATS: one drainer a database, elected by an advisory lock.

Every copy of the gateway runs one of these for each mode. The lock belongs to a session of its own, and so does all
that the drainer reads: who loses the session stops draining in the same moment, and another copy goes on. If both
publish the same event in between, JetStream drops the second by its message id.

A trigger notifies when the outbox is filled; a slow poll finds what a lost notification would leave.

The events of a tenant are published one after the other, those of different tenants at once: the server writes to its
disk once for many, and an event that isn't acknowledged holds up no other tenant's.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from services.gateway.metrics import GatewayMetrics
from services.gateway.outbox import repository as store
from shared.bus import EventPublisher
from shared.bus.envelope import TENANT_ID
from shared.database import Database
from shared.errors import PermanentError, TemporaryError
from shared.subjects import Mode

_log = structlog.get_logger(__name__)
_BATCH = 100
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
"""Seconds between two tries while something is away; each pause is twice as long as the one before."""


class Drainer:
    """Empties the outbox of one mode."""

    def __init__(
        self, mode: Mode, database: Database, publisher: EventPublisher, metrics: GatewayMetrics, *, poll: float
    ) -> None:
        """`poll` is in seconds."""
        self._mode = mode
        self._database = database
        self._publisher = publisher
        self._metrics = metrics
        self._poll = poll
        self._filled = asyncio.Event()
        self._said: str | None = None
        self._measured = -math.inf
        self._pause = _SHORTEST_PAUSE

    async def run(self) -> None:
        """Drain until cancelled, waiting out what is away."""
        while True:
            try:
                async with self._database.session() as session:
                    await self._lead(session)
            except (TemporaryError, PermanentError) as error:
                # Even what NATS will never take stays: it was accepted, and the age of the outbox tells of it.
                self._say(error.message)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _lead(self, session: asyncpg.Connection) -> None:
        """Become the one who drains, and do so as long as the session lives and NATS answers."""
        await session.add_listener(store.CHANNEL, self._wake)
        leads = False
        while True:
            self._filled.clear()
            try:
                leads = leads or await store.try_lead(session)
                if leads:
                    await self._drain(session)
                    self._said, self._pause = None, _SHORTEST_PAUSE
            except (TemporaryError, PermanentError):
                await self._measure(session)
                raise
            # By every copy: one that lags because nobody drains is the one to hear of.
            if time.monotonic() - self._measured >= self._poll:
                await self._measure(session)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._filled.wait()

    async def _drain(self, session: asyncpg.Connection) -> None:
        """Publish all that waits. Raises DependencyUnavailable when some of it wasn't acknowledged."""
        while batch := await store.next_waiting(session, _BATCH):
            published: list[int] = []
            try:
                lines = (self._publish_in_order(line, published) for line in by_tenant(batch))
                results = await asyncio.gather(*lines, return_exceptions=True)
            finally:
                await store.remove(session, published)
            for failure in (each for each in results if each is not None):
                raise failure
            if len(batch) < _BATCH:
                return

    async def _publish_in_order(self, line: Iterable[store.Waiting], published: list[int]) -> None:
        for waiting in line:
            await self._publisher.publish_encoded(*waiting.event)
            published.append(waiting.id)

    async def _measure(self, session: asyncpg.Connection) -> None:
        self._measured = time.monotonic()
        backlog = await store.backlog(session)
        self._metrics.outbox_events.labels(self._mode).set(backlog.events)
        self._metrics.outbox_age.labels(self._mode).set(backlog.age)

    def _say(self, reason: str) -> None:
        """Once for each reason, however long it lasts."""
        if reason != self._said:
            self._said = reason
            _log.warning(f"The outbox waits: {reason}", action="outbox-waits", mode=self._mode.value)

    def _wake(self, *_: Any) -> None:
        self._filled.set()


def by_tenant(batch: Iterable[store.Waiting]) -> Iterable[Sequence[store.Waiting]]:
    """The events of each tenant, in the order of their ids."""
    lines: dict[str | None, list[store.Waiting]] = {}
    for waiting in batch:
        lines.setdefault(waiting.event.headers.get(TENANT_ID), []).append(waiting)
    return lines.values()

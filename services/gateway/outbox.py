"""Carries events from the outbox to NATS: one drainer a database, elected by an advisory lock.

Every copy of the gateway runs one of these for each mode. The lock belongs to a session of its own, and so does all
that the drainer reads: who loses the session stops draining in the same moment, and another copy goes on. If both
publish the same event in between, JetStream drops the second by its message id.

A trigger notifies when the outbox is filled; a slow poll finds what a lost notification would leave.
"""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from services.gateway.metrics import GatewayMetrics
from services.gateway.store import outbox as store
from shared.bus import EventPublisher
from shared.database import Database
from shared.errors import TemporaryError
from shared.subjects import Mode

_log = structlog.get_logger(__name__)
_BATCH = 100
_PAUSE = 1.0
"""Seconds between two tries while something is away."""


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

    async def run(self) -> None:
        """Drain until cancelled, waiting out what is away."""
        while True:
            try:
                async with self._database.session() as session:
                    await self._lead(session)
            except TemporaryError as error:
                self._say(error.message)
            await asyncio.sleep(_PAUSE)

    async def _lead(self, session: asyncpg.Connection) -> None:
        """Become the one who drains, and do so as long as the session lives and NATS answers."""
        await session.add_listener(store.CHANNEL, self._wake)
        while True:
            self._filled.clear()
            if await store.try_lead(session):
                try:
                    await self._drain(session)
                finally:
                    await self._measure(session)
                self._said = None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._filled.wait()

    async def _drain(self, session: asyncpg.Connection) -> None:
        """Publish all that waits, in the order of its ids."""
        while batch := await store.next_waiting(session, _BATCH):
            published: list[int] = []
            try:
                for waiting in batch:
                    await self._publisher.publish_encoded(*waiting.event)
                    published.append(waiting.id)
            finally:
                await store.remove(session, published)

    async def _measure(self, session: asyncpg.Connection) -> None:
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

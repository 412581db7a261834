"""Publishes the events of an outbox: one drainer for each database, elected by an advisory lock.

Every replica of the service runs a drainer for each mode. The lock belongs to a database session, and so does
everything that the drainer reads: a replica that loses its session stops publishing at once, and another takes over. If
both publish the same event in between, JetStream drops the duplicate by its message id.

A trigger notifies when events are inserted; a slow poll covers lost notifications.

The events of one tenant are published one after the other, those of different tenants concurrently: the server syncs
its disk once for many of them, and an event without acknowledgement delays no other tenant.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from shared.bus.envelope import TENANT_ID
from shared.database import Database
from shared.errors import PermanentError, TemporaryError
from shared.outbox.table import Outbox, UnpublishedEvent
from shared.process.backoff import Backoff

_log = structlog.get_logger(__name__)
_BATCH = 100
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
"""Seconds between two attempts while a dependency is away; each pause is twice as long as the one before."""

Publish = Callable[..., Awaitable[None]]
"""Publishes an encoded event. Raises DependencyUnavailable unless NATS acknowledges it."""
Measure = Callable[[asyncpg.Connection], Awaitable[None]]


class OutboxDrainer:
    """Empties the outbox of one mode."""

    def __init__(
        self, outbox: Outbox, database: Database, publish: Publish, *, poll: float, measure: Measure | None = None
    ) -> None:
        """`poll` is in seconds. Every replica calls `measure` as often, so a backlog shows while none publishes."""
        self._outbox = outbox
        self._database = database
        self._publish = publish
        self._poll = poll
        self._measure = measure
        self._filled = asyncio.Event()
        self._logged_reason: str | None = None
        self._measured_at = -math.inf
        self._backoff = Backoff(_SHORTEST_PAUSE, _LONGEST_PAUSE)

    async def run(self) -> None:
        """Publish until cancelled; retry with back-off while PostgreSQL or NATS is away."""
        while True:
            try:
                async with self._database.session() as session:
                    await self._lead(session)
            except (TemporaryError, PermanentError) as error:
                # An event that NATS can never store stays too: it was accepted, and the outbox's age reveals it.
                self._log_once(error.message)
            await self._backoff.sleep()

    async def _lead(self, session: asyncpg.Connection) -> None:
        """Take the lock and publish for as long as the session lives and NATS acknowledges."""
        await session.add_listener(self._outbox.channel, self._wake)
        leads = False
        while True:
            self._filled.clear()
            try:
                leads = leads or await self._outbox.try_lock(session)
                if leads:
                    await self._drain(session)
                    self._logged_reason = None
                    self._backoff.reset()
            except (TemporaryError, PermanentError):
                await self._measure_now(session)
                raise
            if time.monotonic() - self._measured_at >= self._poll:
                await self._measure_now(session)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._filled.wait()

    async def _drain(self, session: asyncpg.Connection) -> None:
        """Publish everything. Raises DependencyUnavailable if some of it wasn't acknowledged."""
        while batch := await self._outbox.oldest(session, _BATCH):
            published: list[int] = []
            try:
                sequences = (self._publish_in_order(sequence, published) for sequence in by_tenant(batch))
                results = await asyncio.gather(*sequences, return_exceptions=True)
            finally:
                await self._outbox.remove(session, published)
            for failure in (each for each in results if each is not None):
                raise failure
            if len(batch) < _BATCH:
                return

    async def _publish_in_order(self, events: Iterable[UnpublishedEvent], published: list[int]) -> None:
        for each in events:
            await self._publish(*each.event)
            published.append(each.id)

    async def _measure_now(self, session: asyncpg.Connection) -> None:
        self._measured_at = time.monotonic()
        if self._measure is not None:
            await self._measure(session)

    def _log_once(self, reason: str) -> None:
        """Log a reason when it is new, not at every attempt."""
        if reason != self._logged_reason:
            self._logged_reason = reason
            _log.warning(f"Outbox not drained: {reason}", action="outbox-waits", database=self._database.name)

    def _wake(self, *_: Any) -> None:
        self._filled.set()


def by_tenant(batch: Iterable[UnpublishedEvent]) -> Iterable[Sequence[UnpublishedEvent]]:
    """The events grouped by tenant, each group in the order of the ids."""
    groups: dict[str | None, list[UnpublishedEvent]] = {}
    for each in batch:
        groups.setdefault(each.event.headers.get(TENANT_ID), []).append(each)
    return groups.values()

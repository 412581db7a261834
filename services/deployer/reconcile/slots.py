"""Turns of tenants that are worked at: so many at once, and one that only waits makes way for the next.

A rollout mostly waits, for minutes where a cluster is short of something. Without turns, as many of them as there are
slots would hold up every tenant that comes after them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from shared.errors import TemporaryError

TURN_SECONDS = 5.0
"""How long a tenant may wait before it makes way: to begin again costs some fifty requests to the API server."""


class SlotExpired(TemporaryError):
    """Others wait for a turn: come again."""

    def __init__(self) -> None:
        super().__init__("others had their turn", delay=0.0)


class ReconcileSlots:
    """`at_once` turns, given in the order in which they are asked for."""

    def __init__(self, at_once: int, now: Callable[[], float] = time.monotonic) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._now = now
        self._waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn. What it gives raises TurnOver once the turn has lasted and others wait."""
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        began = self._now()

        def make_way() -> None:
            if self._waiting and self._now() - began >= TURN_SECONDS:
                raise SlotExpired

        try:
            yield make_way
        finally:
            self._slots.release()

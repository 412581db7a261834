"""Limits how many tenants are reconciled at the same time, without letting waiting ones block the others.

A rollout mostly waits, for minutes if the cluster is short of something. Without a time limit, as many such rollouts as
there are slots would block every tenant after them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from shared.errors import TemporaryError

SLOT_SECONDS = 5.0
"""How long a tenant may wait in its slot while others need one: to start over costs some fifty API requests."""


class SlotExpired(TemporaryError):
    """Other tenants wait for a slot: requeue this one behind them."""

    def __init__(self) -> None:
        super().__init__("other tenants wait for a slot", delay=0.0)


class ReconcileSlots:
    """`at_once` slots, given in the order of the requests."""

    def __init__(self, at_once: int, now: Callable[[], float] = time.monotonic) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._now = now
        self._waiting = 0
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many slots are taken now."""
        return self._taken

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a slot. Yields a function that raises SlotExpired once the time is over and others wait.

        The time counts from the function's first call: what comes before is work. Under load that takes longer than
        the time, and a tenant that started over each time would never end.
        """
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        began: float | None = None
        self._taken += 1

        def check_slot() -> None:
            nonlocal began
            began = self._now() if began is None else began
            if self._waiting and self._now() - began >= SLOT_SECONDS:
                raise SlotExpired

        try:
            yield check_slot
        finally:
            self._taken -= 1
            self._slots.release()

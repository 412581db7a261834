"""A bound for what is in work at once, and one for what waits for it. Pure.

Without the second bound a queue grows as long as more comes than leaves, and each call waits longer than its client
does. With both, the longest wait of an accepted call is known: that of the calls before it in the queue.
"""

import asyncio

from shared.errors import Overloaded


class CallSlots:
    """At most `at_once` calls in work, and `most_waiting` that wait in their order, for `seconds` at most."""

    def __init__(self, name: str, *, at_once: int, most_waiting: int, seconds: float) -> None:
        """`name` is that of the calls in errors."""
        self._name = name
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._seconds = seconds
        self._turns = asyncio.Semaphore(at_once)
        self.waiting = 0
        """Calls that wait now."""
        self.in_work = 0
        """Calls that are in work now."""

    async def enter(self) -> None:
        """Wait for a slot. Raises Overloaded if too many wait, or none is free in time."""
        if self._turns.locked():
            await self._wait()
        else:
            await self._turns.acquire()
        self.in_work += 1

    def leave(self) -> None:
        """Free the slot for the call that waits longest."""
        self.in_work -= 1
        self._turns.release()

    async def _wait(self) -> None:
        if self.waiting >= self._most_waiting:
            raise Overloaded(self._name, f"{self._at_once} are in work and {self.waiting} wait")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Overloaded(self._name, f"none of {self._at_once} ended within {self._seconds:g} s") from error
        finally:
            self.waiting -= 1

"""The memory in which `limits` counts, with a bound.

The library's own keeps each identity until a task has found it expired, and starts this task, which looks at all of
them, with each call. Addresses are chosen by those who are to be limited; so here the least recently used counters make
room, and a call touches only its own.
"""

import time

from limits.aio.storage import MemoryStorage

MOST_COUNTERS = 20_000
"""About 5 MB. A client with more addresses than that has no need to use one twice."""


class BoundedStorage(MemoryStorage):
    """Counters of fixed and sliding windows. Nothing in it waits, so that no counter needs a lock."""

    STORAGE_SCHEME = ["async+bounded-memory"]  # noqa: RUF012 - the library's own declaration

    def __init__(self, most: int = MOST_COUNTERS) -> None:
        super().__init__()
        self._most = most

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, which is then the most recently used one."""
        now = time.time()
        ends = self.expirations.pop(key, 0.0)
        count = self.storage.pop(key, 0) if ends > now else 0
        self.storage[key] = count + amount
        self.expirations[key] = ends if ends > now else now + expiry
        if len(self.storage) > self._most:
            oldest = next(iter(self.storage))
            del self.storage[oldest], self.expirations[oldest]
        return count + amount

    async def decr(self, key: str, amount: int = 1) -> int:
        """Take from a counter, which is 0 at least."""
        if key in self.storage:
            self.storage[key] = max(0, self.storage[key] - amount)
        return self.storage.get(key, 0)

    async def get(self, key: str) -> int:
        """The value of a counter; 0 once it has expired."""
        return self.storage.get(key, 0) if self.expirations.get(key, 0.0) > time.time() else 0

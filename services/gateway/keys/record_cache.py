"""Keys as the database had them a few seconds ago: what bounds both the queries and the time until a revocation acts.

A change by this process is forgotten here at once; other copies of the gateway notice it when their row is too old. No
event tells them, because it could be late or lost, and five seconds are enough.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from services.gateway.keys.key_record import KeyRecord
from services.gateway.keys.key_text import KeyText

OLDEST = 5.0
"""Seconds that a row is used."""
_MOST = 2000
"""Keys that are kept, unknown ids among them; the oldest are left out first."""

Read = Callable[[KeyText], Awaitable[KeyRecord | None]]


class _Kept(NamedTuple):
    record: KeyRecord | None
    read_at: float


class RecordCache:
    """Reads a key at most once in `OLDEST` seconds, with one query for all that wait for it."""

    def __init__(self, read: Read, *, clock: Callable[[], float] = time.monotonic, most: int = _MOST) -> None:
        """`read` queries the database; `clock` is in seconds."""
        self._read = read
        self._clock = clock
        self._most = most
        self._kept: dict[KeyText, _Kept] = {}
        self._reading: dict[KeyText, asyncio.Task[KeyRecord | None]] = {}

    async def get(self, key: KeyText) -> KeyRecord | None:
        """The key, or None if there is none. Raises DependencyUnavailable: without the database no key is believed."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept.read_at < OLDEST:
            return kept.record
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._refresh(key))
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def forget(self, key: KeyText) -> None:
        """Read this key again at its next use. A query that runs now isn't kept."""
        self._kept.pop(key, None)
        self._reading.pop(key, None)

    async def _refresh(self, key: KeyText) -> KeyRecord | None:
        # The age counts from before the query: a revocation that it just misses is noticed in time.
        begun, mine = self._clock(), asyncio.current_task()
        record = await self._read(key)
        if self._reading.get(key) is mine:
            self._kept.pop(key, None)
            self._kept[key] = _Kept(record, begun)
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return record

    def _end(self, key: KeyText, task: asyncio.Task[KeyRecord | None]) -> None:
        if self._reading.get(key) is task:
            del self._reading[key]
        if not task.cancelled():
            # Its caller may be gone, and an exception that is never retrieved would be logged.
            task.exception()

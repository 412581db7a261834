"""Answers that may be some seconds old: fetched by one caller at a time, shared by all who ask meanwhile.

For what is asked for often and costs much, such as all nodes and pods of a cluster. A caller that gives up doesn't end
the fetch, since others may wait for the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Fresh(Generic[K, V]):
    """A cache of `fetch`, by key. What `fetch` raises goes to all who wait for it, and is not kept."""

    def __init__(
        self, fetch: Callable[[K], Awaitable[V]], seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        """An answer is used for `seconds` from the moment at which it was asked for."""
        self._fetch = fetch
        self._seconds = seconds
        self._now = now
        self._kept: dict[K, tuple[float, V]] = {}
        self._fetching: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """The value of `key`, at most `seconds` old. Raises what `fetch` raises."""
        kept = self._kept.get(key)
        if kept is not None and self._now() - kept[0] < self._seconds:
            return kept[1]
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = self._fetching[key] = asyncio.create_task(self._renew(key), name=f"fetch {key}")
            fetching.add_done_callback(_look_at)
        return await asyncio.shield(fetching)

    async def close(self) -> None:
        """End what is being fetched."""
        fetching = list(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)

    async def _renew(self, key: K) -> V:
        since = self._now()
        try:
            value = await self._fetch(key)
            self._kept[key] = (since, value)
            return value
        finally:
            del self._fetching[key]


def _look_at(task: "asyncio.Task[V]") -> None:
    """All who waited may have left: asyncio is not to complain about an exception that none of them has seen."""
    if not task.cancelled():
        task.exception()

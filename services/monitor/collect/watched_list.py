"""A list of one kind that a watch keeps current: the list is read again only after its watch has ended.

A watch ends when the server closes or refuses it, when its version has expired, when the connection breaks, and after
a few minutes, so that a missed change doesn't last. Where watches aren't served or aren't allowed, every read lists.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from services.monitor.collect.api_server import ApiServer, RequestFailed, Watch
from shared.kube.objects import Obj, ObjectKey, key_of
from shared.process.tasks import cancel_until_ended

_SHORTEST_WATCH, _LONGEST_WATCH = 240, 480
"""Seconds until the list is read again. Random, so that the kinds take turns."""


class WatchedList:
    """The tenants' objects at one path of the API."""

    def __init__(self, server: ApiServer, path: str, keep: Callable[[Obj], Obj]) -> None:
        """`keep` reduces an object to what is kept of it."""
        self._server = server
        self._path = path
        self._keep = keep
        self._objects: dict[ObjectKey, Obj] = {}
        self._task: asyncio.Task[None] | None = None
        self._refreshing = asyncio.Lock()
        """After a failed read, the refreshes of its other lists may still run."""

    @property
    def objects(self) -> Sequence[Obj]:
        """The objects as the list and its watch have shown them by now."""
        return list(self._objects.values())

    async def refresh(self) -> None:
        """List unless a watch is open. Raises RequestFailed."""
        async with self._refreshing:
            if self._task is not None and not self._task.done():
                return
            listing = await self._server.list(self._path)
            self._objects = {key_of(each): self._keep(each) for each in listing.items}
            if listing.resource_version:
                with suppress(RequestFailed):
                    await self._open(listing.resource_version)

    async def close(self) -> None:
        """Stop watching; the next refresh lists."""
        task, self._task = self._task, None
        if task is not None:
            await cancel_until_ended([task])

    async def _open(self, resource_version: str) -> None:
        seconds = random.randint(_SHORTEST_WATCH, _LONGEST_WATCH)  # noqa: S311 - no secret
        watch = await self._server.watch(self._path, resource_version, seconds)
        self._task = asyncio.create_task(self._follow(watch), name=f"watch {self._path}")

    async def _follow(self, watch: Watch) -> None:
        objects = self._objects
        try:
            with suppress(RequestFailed, KeyError, TypeError, AttributeError):
                async for change in watch.changes():
                    if change.type == "DELETED":
                        objects.pop(key_of(change.obj), None)
                    else:
                        objects[key_of(change.obj)] = self._keep(change.obj)
        finally:
            watch.close()

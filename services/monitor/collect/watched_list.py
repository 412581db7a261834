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
        self._listing: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def objects(self) -> Sequence[Obj]:
        """The objects as the list and its watch have shown them by now."""
        return list(self._objects.values())

    async def refresh(self) -> None:
        """List unless a watch is open. Raises RequestFailed.

        A cancellation doesn't end the listing, and the next refresh waits for the same one: that of a large cluster
        may take longer than a slice.
        """
        if self._watching is not None and not self._watching.done():
            return
        if self._listing is None or self._listing.done():
            self._listing = asyncio.create_task(self._list(), name=f"list {self._path}")
        await asyncio.shield(self._listing)

    async def close(self) -> None:
        """Stop listing and watching; the next refresh lists."""
        tasks = [each for each in (self._listing, self._watching) if each is not None]
        await cancel_until_ended(tasks)
        # A listing that ends now may have opened a watch.
        if self._watching is not None:
            await cancel_until_ended([self._watching])
        self._listing = self._watching = None

    async def _list(self) -> None:
        listing = await self._server.list(self._path)
        self._objects = {key_of(each): self._keep(each) for each in listing.items}
        if listing.resource_version:
            with suppress(RequestFailed):
                await self._open(listing.resource_version)

    async def _open(self, resource_version: str) -> None:
        seconds = random.randint(_SHORTEST_WATCH, _LONGEST_WATCH)  # noqa: S311 - no secret
        watch = await self._server.watch(self._path, resource_version, seconds)
        self._watching = asyncio.create_task(self._follow(watch), name=f"watch {self._path}")

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

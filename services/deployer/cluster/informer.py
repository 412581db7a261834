"""A cache of one tenant's objects in a cluster, kept current by a list and a watch for each kind.

A watch that ends, expires or breaks is followed by another list. While the API server is unavailable, `trouble` has the
error, and the cache is as old as that.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from services.deployer.cluster.api import ClusterApi, ClusterUnavailable, WatchExpired
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj, ObjectKey, key_of
from shared.process.backoff import Backoff
from shared.process.tasks import cancel_until_ended

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two lists: after a watch has ended, and after many failures."""
_GATHER_SECONDS = 0.1
"""How long to gather further changes after the first: a rollout makes them in bursts."""


class Informer:
    """Watches from entering the context to leaving it."""

    def __init__(self, cluster: ClusterApi, kinds: Sequence[Kind], namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._objects: dict[Kind, dict[ObjectKey, Obj]] = {}
        self._kinds = tuple(kinds)
        self._troubles: dict[Kind, ClusterUnavailable] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._list_and_watch(kind), name=f"watch {kind.kind}") for kind in self._kinds
        ]
        for task in self._tasks:
            task.add_done_callback(lambda _: self.wake())
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_until_ended(self._tasks)

    @property
    def trouble(self) -> ClusterUnavailable | None:
        """Why the cache is out of date, if it is."""
        return next(iter(self._troubles.values()), None)

    @property
    def is_complete(self) -> bool:
        """Whether every kind has been listed at least once."""
        return len(self._objects) == len(self._kinds)

    def find(self, obj: Obj) -> Obj | None:
        """The cached object with the kind, namespace and name of `obj`."""
        return self._objects.get(kind_of(obj), {}).get(key_of(obj))

    def all(self, kind: Kind) -> list[Obj]:
        """All cached objects of a kind."""
        return list(self._objects.get(kind, {}).values())

    async def wait(self, seconds: float) -> None:
        """Return shortly after the next change, or after `seconds`. Raises the error that ended a watch for good."""
        gathers = self.is_complete
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
            await asyncio.sleep(_GATHER_SECONDS if gathers else 0)
        self._changed.clear()
        for ended in (task for task in self._tasks if task.done()):
            ended.result()

    def wake(self) -> None:
        """Make `wait` return."""
        self._changed.set()

    async def _list_and_watch(self, kind: Kind) -> None:
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                listing = await self._cluster.list(kind, self._namespace)
            except ClusterUnavailable as error:
                self._troubles[kind] = error
                self.wake()
            else:
                self._troubles.pop(kind, None)
                self._objects[kind] = {key_of(obj): obj for obj in listing.items}
                self.wake()
                backoff.reset()
                with suppress(ClusterUnavailable, WatchExpired):
                    await self._watch(kind, listing.resource_version)
            await backoff.sleep()

    async def _watch(self, kind: Kind, resource_version: str) -> None:
        objects = self._objects[kind]
        async for change in self._cluster.watch(kind, self._namespace, resource_version):
            if change.type == "DELETED":
                objects.pop(key_of(change.obj), None)
            else:
                objects[key_of(change.obj)] = change.obj
            self.wake()

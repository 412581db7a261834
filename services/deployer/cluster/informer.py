"""What a cluster has of one tenant, kept up to date by a list and a watch for each kind.

A view heals by itself: a watch that ends, expires or breaks is begun anew by a list. While the API server is away,
`trouble` says why, and what is known is as old as that.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from services.deployer.cluster.api import ClusterApi, ClusterUnavailable, Kind, Obj, WatchExpired, kind_of
from shared.process.tasks import cancel_until_ended

_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
"""Seconds between two lists, which begin the watch anew."""
_SETTLE = 0.1
"""Seconds to gather further changes after the first: a rollout makes them in bursts."""


class Informer:
    """Use as a context manager; it watches from entering to leaving."""

    def __init__(self, cluster: ClusterApi, kinds: Sequence[Kind], namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._objects: dict[Kind, dict[tuple[str, str], Obj]] = {}
        self._kinds = tuple(kinds)
        self._troubles: dict[Kind, ClusterUnavailable] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._keep(kind), name=f"watch {kind.kind}") for kind in self._kinds]
        for task in self._tasks:
            task.add_done_callback(lambda _: self.wake())
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_until_ended(self._tasks)

    @property
    def trouble(self) -> ClusterUnavailable | None:
        """Why the view is out of date, if it is."""
        return next(iter(self._troubles.values()), None)

    @property
    def is_complete(self) -> bool:
        """Whether every kind has been listed at least once."""
        return len(self._objects) == len(self._kinds)

    def find(self, obj: Obj) -> Obj | None:
        """The object in the cluster that has the kind, namespace and name of `obj`."""
        return self._objects.get(kind_of(obj), {}).get(_key(obj))

    def all(self, kind: Kind) -> list[Obj]:
        return list(self._objects.get(kind, {}).values())

    async def wait(self, seconds: float) -> None:
        """Return soon after the next change, or after `seconds`. Raises what ended a watch for good."""
        gathers = self.is_complete
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
            await asyncio.sleep(_SETTLE if gathers else 0)
        self._changed.clear()
        for ended in (task for task in self._tasks if task.done()):
            ended.result()

    def wake(self) -> None:
        """Let `wait` return."""
        self._changed.set()

    async def _keep(self, kind: Kind) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                listing = await self._cluster.list(kind, self._namespace)
            except ClusterUnavailable as error:
                self._troubles[kind] = error
                self.wake()
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._troubles.pop(kind, None)
                self._objects[kind] = {_key(obj): obj for obj in listing.items}
                self.wake()
                pause = _SHORTEST_PAUSE
                with suppress(ClusterUnavailable, WatchExpired):
                    await self._follow(kind, listing.resource_version)
            await asyncio.sleep(pause)

    async def _follow(self, kind: Kind, resource_version: str) -> None:
        objects = self._objects[kind]
        async for change in self._cluster.watch(kind, self._namespace, resource_version):
            if change.type == "DELETED":
                objects.pop(_key(change.obj), None)
            else:
                objects[_key(change.obj)] = change.obj
            self.wake()


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]

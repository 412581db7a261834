"""What a cluster has of all our tenants, by watching: one list and one watch a kind, of what has our label.

Kept of an object is what tells whether it is still ours, some hundred bytes. Status updates, which are most of what a
watch brings, change nothing of that and wake nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import (
    TENANT_LABEL,
    ClusterApi,
    ClusterRefused,
    ClusterUnavailable,
    Kind,
    KindUnknown,
    Obj,
    WatchExpired,
    ref_of,
)
from services.deployer.cluster.managed_fields import content, digest
from services.deployer.health.snapshot import AUTOSCALER
from services.deployer.state.records import ObjectRef
from shared.process.tasks import cancel_until_ended

_log = structlog.get_logger(__name__)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_REFUSED_PAUSE = 60.0
"""Seconds until a kind that we may not watch is tried again."""
Identity = tuple[str, str, str, str]


class ObservedObject(NamedTuple):
    """What an object had when it was seen last."""

    tenant_id: str
    uid: str
    fields: str
    content: str
    replicas: int | None = None
    scales: tuple[str, str] | None = None
    """Kind and name of what an autoscaler scales; None for all else."""
    bounds: tuple[int, int] = (1, 1)


class ObservedObjects:
    """Of one cluster. `changed` hears of each tenant of which something is otherwise; `run` watches until cancelled."""

    def __init__(self, cluster: ClusterApi, changed: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._changed = changed
        self._seen: dict[Kind, dict[Identity, ObservedObject]] = {}
        self._blind: set[Kind] = set()
        self._tasks: dict[Kind, asyncio.Task[None]] = {}
        self._bounds: dict[tuple[str, str, str], tuple[int, int]] | None = None
        """Of what autoscalers scale, by namespace, kind and name; None when one has changed."""

    def follow(self, kinds: Iterable[Kind]) -> None:
        """Watch these kinds from now on, besides those that are watched already."""
        for kind in kinds:
            if kind not in self._tasks:
                self._tasks[kind] = asyncio.create_task(self._keep(kind), name=f"watch {kind.kind} for drift")

    async def close(self) -> None:
        """End all watches."""
        await cancel_until_ended(self._tasks.values())
        self._tasks.clear()
        self._seen.clear()

    def knows(self, kinds: Iterable[Kind]) -> bool:
        """Whether all of these kinds have been listed, or can't be."""
        return all(kind in self._seen or kind in self._blind for kind in kinds)

    def is_blind(self, kind: Kind) -> bool:
        """Whether we may not watch a kind, so that nothing is known of it."""
        return kind in self._blind

    def find(self, ref: ObjectRef) -> ObservedObject | None:
        """The object as it was seen last, if it was there."""
        return self._seen.get(Kind(ref.api_version, ref.kind), {}).get(ref.identity)

    def bounds_of(self, ref: ObjectRef) -> tuple[int, int] | None:
        """The replicas between which an autoscaler holds a workload; None if none does."""
        if self._bounds is None:
            autoscalers = [seen for kind, seen in self._seen.items() if kind.kind == AUTOSCALER]
            found = ((identity[2], sighting) for seen in autoscalers for identity, sighting in seen.items())
            self._bounds = {(namespace, *each.scales): each.bounds for namespace, each in found if each.scales}
        return self._bounds.get((ref.namespace, ref.kind, ref.name))

    async def _keep(self, kind: Kind) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                listing = await self._cluster.list(kind, "", TENANT_LABEL)
            except ClusterUnavailable:
                pause = min(pause * 2, _LONGEST_PAUSE)
            except KindUnknown:
                self._replace(kind, [])
                pause = _REFUSED_PAUSE
            except ClusterRefused as error:
                self._blind.add(kind)
                pause = _REFUSED_PAUSE
                _log.warning(f"{kind.kind}s aren't watched for drift: {error.message}", action="drift-blind")
            else:
                self._replace(kind, listing.items)
                pause = _SHORTEST_PAUSE
                with suppress(ClusterUnavailable, ClusterRefused, WatchExpired):
                    await self._follow(kind, listing.resource_version)
            await asyncio.sleep(pause)

    async def _follow(self, kind: Kind, resource_version: str) -> None:
        async for change in self._cluster.watch(kind, "", resource_version, TENANT_LABEL):
            identity, sighting = ref_of(change.obj).identity, _sight(change.obj)
            before = self._seen[kind].get(identity)
            if change.type == "DELETED":
                self._seen[kind].pop(identity, None)
                self._bounds = None
                self._changed(sighting.tenant_id)
            elif sighting != before:
                self._seen[kind][identity] = sighting
                self._bounds = self._bounds if kind.kind != AUTOSCALER else None
                self._changed(sighting.tenant_id)

    def _replace(self, kind: Kind, items: Iterable[Obj]) -> None:
        before = self._seen.get(kind, {})
        now = self._seen[kind] = {ref_of(obj).identity: _sight(obj) for obj in items}
        self._blind.discard(kind)
        self._bounds = None
        changed = {identity for identity in {*before, *now} if before.get(identity) != now.get(identity)}
        for tenant_id in {(now.get(each) or before[each]).tenant_id for each in changed}:
            self._changed(tenant_id)


def _sight(obj: Obj) -> ObservedObject:
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    tenant_id = (metadata.get("labels") or {}).get(TENANT_LABEL, "")
    sighting = ObservedObject(tenant_id, metadata["uid"], digest(obj), content(obj), spec.get("replicas"))
    if obj["kind"] != AUTOSCALER:
        return sighting
    target = spec.get("scaleTargetRef") or {}
    scales = (target.get("kind", ""), target.get("name", ""))
    return sighting._replace(scales=scales, bounds=(int(spec.get("minReplicas", 1)), int(spec.get("maxReplicas", 1))))

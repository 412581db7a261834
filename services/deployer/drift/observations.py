"""A cache of all tenants' objects in a cluster, by one list and one watch for each kind, limited to our label.

Of each object it keeps the few hundred bytes that show whether the object is as deployed. Status updates, which are
most of a watch's events, change none of them and trigger nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import (
    ClusterApi,
    ClusterRefused,
    ClusterUnavailable,
    KindUnknown,
    Listing,
    WatchExpired,
    ref_of,
)
from services.deployer.cluster.managed_fields import content, digest
from services.deployer.cluster.manifest_objects import AUTOSCALER
from services.deployer.state.records import ObjectRef
from shared.kube import labels
from shared.kube.kinds import Kind
from shared.kube.objects import Obj, labels_of
from shared.process.backoff import Backoff
from shared.process.tasks import cancel_until_ended

_log = structlog.get_logger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_REFUSED_PAUSE = 60.0
"""Seconds until the next attempt at a kind that we may not watch, or that the cluster doesn't serve."""
Identity = tuple[str, str, str, str]


class ObservedObject(NamedTuple):
    """What is kept of an object."""

    tenant_id: str
    uid: str
    fields: str
    content: str
    replicas: int | None = None
    scales: tuple[str, str] | None = None
    """Kind and name of the workload that an autoscaler scales; None for other kinds."""
    bounds: tuple[int, int] = (1, 1)


class ObservedObjects:
    """The observed objects of one cluster. `changed` is called with a tenant's id when one of its objects changed."""

    def __init__(self, cluster: ClusterApi, changed: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._changed = changed
        self._seen: dict[Kind, dict[Identity, ObservedObject]] = {}
        self._unobservable: set[Kind] = set()
        self._tasks: dict[Kind, asyncio.Task[None]] = {}
        self._bounds: dict[tuple[str, str, str], tuple[int, int]] | None = None
        """Autoscalers' bounds by namespace, kind and name of the workload; None after an autoscaler changed."""

    def follow(self, kinds: Iterable[Kind]) -> None:
        """Watch these kinds as well from now on."""
        for kind in kinds:
            if kind not in self._tasks:
                self._tasks[kind] = asyncio.create_task(self._observe(kind), name=f"watch {kind.kind} for drift")

    async def close(self) -> None:
        """End all watches."""
        await cancel_until_ended(self._tasks.values())
        self._tasks.clear()
        self._seen.clear()

    def knows(self, kinds: Iterable[Kind]) -> bool:
        """Whether each of these kinds has been listed, or can't be."""
        return all(kind in self._seen or kind in self._unobservable for kind in kinds)

    def is_unobservable(self, kind: Kind) -> bool:
        """Whether we may not watch a kind, so that nothing is known of it."""
        return kind in self._unobservable

    def find(self, ref: ObjectRef) -> ObservedObject | None:
        """The object as it was observed last; None if it doesn't exist."""
        return self._seen.get(Kind(ref.api_version, ref.kind), {}).get(ref.identity)

    def bounds_of(self, ref: ObjectRef) -> tuple[int, int] | None:
        """The minimum and maximum of a workload's autoscaler; None without an autoscaler."""
        if self._bounds is None:
            autoscalers = [seen for kind, seen in self._seen.items() if kind.kind == AUTOSCALER]
            found = ((identity[2], observed) for seen in autoscalers for identity, observed in seen.items())
            self._bounds = {(namespace, *each.scales): each.bounds for namespace, each in found if each.scales}
        return self._bounds.get((ref.namespace, ref.kind, ref.name))

    async def _observe(self, kind: Kind) -> None:
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                listing = await self._cluster.list(kind, "", labels.TENANT)
            except ClusterUnavailable:
                await backoff.sleep()
            except KindUnknown:
                self._replace(kind, [])
                await asyncio.sleep(_REFUSED_PAUSE)
            except ClusterRefused as error:
                self._unobservable.add(kind)
                _log.warning(f"{kind.kind}s aren't watched for drift: {error.message}", action="drift-blind")
                await asyncio.sleep(_REFUSED_PAUSE)
            else:
                await self._watch_from(kind, listing)
                backoff.reset()
                await backoff.sleep()

    async def _watch_from(self, kind: Kind, listing: Listing) -> None:
        """Take a listing over, and follow the changes after it until the watch ends."""
        self._replace(kind, listing.items)
        with suppress(ClusterUnavailable, ClusterRefused, WatchExpired):
            await self._follow(kind, listing.resource_version)

    async def _follow(self, kind: Kind, resource_version: str) -> None:
        async for change in self._cluster.watch(kind, "", resource_version, labels.TENANT):
            identity, observed = ref_of(change.obj).identity, _observed(change.obj)
            before = self._seen[kind].get(identity)
            if change.type == "DELETED":
                self._seen[kind].pop(identity, None)
                self._bounds = None
                self._changed(observed.tenant_id)
            elif observed != before:
                self._seen[kind][identity] = observed
                self._bounds = self._bounds if kind.kind != AUTOSCALER else None
                self._changed(observed.tenant_id)

    def _replace(self, kind: Kind, items: Iterable[Obj]) -> None:
        before = self._seen.get(kind, {})
        now = self._seen[kind] = {ref_of(obj).identity: _observed(obj) for obj in items}
        self._unobservable.discard(kind)
        self._bounds = None
        changed = {identity for identity in {*before, *now} if before.get(identity) != now.get(identity)}
        for tenant_id in {(now.get(each) or before[each]).tenant_id for each in changed}:
            self._changed(tenant_id)


def _observed(obj: Obj) -> ObservedObject:
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    tenant_id = labels_of(obj).get(labels.TENANT, "")
    observed = ObservedObject(tenant_id, metadata["uid"], digest(obj), content(obj), spec.get("replicas"))
    if obj["kind"] != AUTOSCALER:
        return observed
    target = spec.get("scaleTargetRef") or {}
    scales = (target.get("kind", ""), target.get("name", ""))
    return observed._replace(scales=scales, bounds=(int(spec.get("minReplicas", 1)), int(spec.get("maxReplicas", 1))))

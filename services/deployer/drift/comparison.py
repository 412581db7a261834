"""Compares tenants with what was deployed: by what was recorded then, and what differs from that by a dry run."""

import asyncio
from collections import OrderedDict

from services.deployer.cluster.api import ClusterApi, ClusterRefused, Kind, Obj, ref_of
from services.deployer.cluster.manifest_objects import parse
from services.deployer.drift import differences
from services.deployer.drift.observations import ObservedObject, ObservedObjects
from services.deployer.health.snapshot import WORKLOADS
from services.deployer.reconcile.claims import of_same_size
from services.deployer.state.manifest_store import ManifestStore
from services.deployer.state.records import AppliedState, ObjectRef
from shared.events import Drift
from shared.tenants import NAMESPACE_PREFIX

_MANIFESTS = 16
"""Parsed manifests that are kept: what has drifted once often does again."""


class DriftComparison:
    """Of the tenants of one cluster. `key` is a tenant's."""

    def __init__(self, cluster: ClusterApi, sightings: ObservedObjects, manifests: ManifestStore) -> None:
        self._cluster = cluster
        self._sightings = sightings
        self._manifests = manifests
        self._fine: dict[str, dict[tuple[str, ...], ObservedObject]] = {}
        """Objects that look otherwise than recorded, and were found to be as deployed."""
        self._parsed: OrderedDict[str, list[Obj]] = OrderedDict()

    def forget(self, key: str) -> None:
        """The tenant has another record, or none."""
        self._fine.pop(key, None)

    async def compare(self, key: str, applied: AppliedState) -> tuple[Drift, ...]:
        """What has drifted, in an order that doesn't change. Raises ClusterUnavailable, DependencyUnavailable."""
        suspects = [ref for ref in applied.inventory if self._is_suspect(key, ref)]
        if not suspects:
            return ()
        objects = {ref_of(obj).identity: obj for obj in await self.objects(applied)}
        found: list[Drift] = []
        for ref in suspects:
            if (obj := objects.get(ref.identity)) is not None:
                found += await self._inspect(key, ref, obj)
        return tuple(sorted(found, key=lambda each: (each.type, each.name, each.field or "")))

    def _is_suspect(self, key: str, ref: ObjectRef) -> bool:
        """Whether the object may not be as deployed, by what is known without asking."""
        if self._sightings.is_blind(Kind(ref.api_version, ref.kind)):
            return False
        seen = self._sightings.find(ref)
        if seen is None:
            return True
        if ref.kind in WORKLOADS and (bounds := self._sightings.bounds_of(ref)) is not None:
            least, most = bounds
            if not least <= (1 if seen.replicas is None else seen.replicas) <= most:
                return True
        is_as_recorded = (seen.uid, seen.fields) == (ref.uid, ref.fields)
        return not is_as_recorded and self._fine.get(key, {}).get(ref.identity) != seen

    async def _inspect(self, key: str, ref: ObjectRef, obj: Obj) -> list[Drift]:
        seen = self._sightings.find(ref)
        live = await self._cluster.read(ref)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return [] if differences.ends_by_itself(obj) else [differences.gone(obj)]
        try:
            wanted = await self._cluster.preview(of_same_size(obj, live))
        except ClusterRefused:
            return [differences.replaced(live)]
        found = differences.compare(live, wanted)
        if not found and seen is not None:
            self._fine.setdefault(key, {})[ref.identity] = seen
        if ref.kind in WORKLOADS and (bounds := self._sightings.bounds_of(ref)) is not None:
            found += differences.out_of_bounds(live, bounds)
        return found

    async def objects(self, applied: AppliedState) -> list[Obj]:
        """The manifest's objects, in the order of apply."""
        assert applied.digest is not None and applied.wanted is not None  # noqa: S101 - as `is_watched` has it
        found = self._parsed.get(applied.digest)
        if found is None:
            text = await self._manifests.fetch(applied.digest)
            namespace = f"{NAMESPACE_PREFIX}{applied.wanted.tenant_id}"
            found = await asyncio.to_thread(parse, text, namespace)
            self._parsed[applied.digest] = found
            while len(self._parsed) > _MANIFESTS:
                self._parsed.popitem(last=False)
        return found

"""Compares tenants with what was deployed: first by what is known from watching, then by a dry run."""

from collections import OrderedDict

from services.deployer.cluster.api import ClusterApi, ClusterRefused, ref_of
from services.deployer.cluster.manifest_objects import WORKLOADS
from services.deployer.drift import differences
from services.deployer.drift.observations import ObservedObject, ObservedObjects
from services.deployer.reconcile.apply import of_same_size
from services.deployer.state.manifest_reader import ManifestReader
from services.deployer.state.records import AppliedState, ObjectRef
from shared.events import Drift
from shared.kube.kinds import Kind
from shared.kube.objects import Obj, is_terminating
from shared.outcomes import Outcome
from shared.tenants import NAMESPACE_PREFIX

_CACHED_MANIFESTS = 16
"""Parsed manifests in memory: a tenant that drifted often drifts again."""


class DriftComparison:
    """Compares the tenants of one cluster. `key` is a tenant's record key."""

    def __init__(self, cluster: ClusterApi, observed: ObservedObjects, manifests: ManifestReader) -> None:
        self._cluster = cluster
        self._observed = observed
        self._manifests = manifests
        self._unchanged: dict[str, dict[tuple[str, ...], ObservedObject]] = {}
        """Objects that differ from their record, and of which a dry run showed no drift."""
        self._parsed: OrderedDict[str, list[Obj]] = OrderedDict()

    def forget(self, key: str) -> None:
        """Drop what is cached of a tenant that has another record, or none."""
        self._unchanged.pop(key, None)

    async def compare(self, key: str, applied: AppliedState) -> tuple[Drift, ...]:
        """What has drifted, in a stable order. Raises ClusterUnavailable, DependencyUnavailable."""
        # What a cancelled deployment applied is ours, too, so that the fields' owners don't show it.
        has_changed = applied.outcome is Outcome.CANCELLED and applied.changed
        suspects = [ref for ref in applied.inventory if self._may_differ(key, ref, compares_all=has_changed)]
        if not suspects:
            return ()
        objects = {ref_of(obj).identity: obj for obj in await self.objects(applied)}
        found: list[Drift] = []
        for ref in suspects:
            if (obj := objects.get(ref.identity)) is not None:
                found += await self._inspect(key, ref, obj)
        return tuple(sorted(found, key=lambda each: (each.type, each.name, each.field or "")))

    async def objects(self, applied: AppliedState) -> list[Obj]:
        """The manifest's objects, in the order of apply."""
        assert applied.digest is not None and applied.wanted is not None  # noqa: S101 - `is_watched` checks both
        found = self._parsed.get(applied.digest)
        if found is None:
            namespace = f"{NAMESPACE_PREFIX}{applied.wanted.tenant_id}"
            found = await self._manifests.objects(applied.digest, namespace)
            self._parsed[applied.digest] = found
            while len(self._parsed) > _CACHED_MANIFESTS:
                self._parsed.popitem(last=False)
        return found

    def _may_differ(self, key: str, ref: ObjectRef, *, compares_all: bool) -> bool:
        """Whether the object may differ from its record, by what was observed and without a request."""
        if self._observed.is_unobservable(Kind(ref.api_version, ref.kind)):
            return False
        seen = self._observed.find(ref)
        if seen is None or self._is_out_of_bounds(ref, seen):
            return True
        is_as_recorded = not compares_all and (seen.uid, seen.fields) == (ref.uid, ref.fields)
        return not is_as_recorded and self._unchanged.get(key, {}).get(ref.identity) != seen

    def _is_out_of_bounds(self, ref: ObjectRef, seen: ObservedObject) -> bool:
        bounds = self._observed.bounds_of(ref) if ref.kind in WORKLOADS else None
        return bounds is not None and not bounds[0] <= (1 if seen.replicas is None else seen.replicas) <= bounds[1]

    async def _inspect(self, key: str, ref: ObjectRef, obj: Obj) -> list[Drift]:
        """Compare a live object with a dry run of applying `obj`."""
        seen = self._observed.find(ref)
        live = await self._cluster.read(ref)
        if live is None or is_terminating(live):
            return [] if differences.ends_by_itself(obj) else [differences.gone(obj)]
        try:
            wanted = await self._cluster.preview(of_same_size(obj, live))
        except ClusterRefused:
            return [differences.replaced(live)]
        found = differences.compare(live, wanted)
        if not found and seen is not None:
            self._unchanged.setdefault(key, {})[ref.identity] = seen
        if ref.kind in WORKLOADS and (bounds := self._observed.bounds_of(ref)) is not None:
            found += differences.out_of_bounds(live, bounds)
        return found

"""Indexes of objects by owner, by namespace and by uid, updated by each change.

Without them, a ReplicaSet would search all pods after each change of one. They hold references, not objects, and are
rebuilt at start, when every object is dispatched once.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from services.simulator.controllers.runtime.owner_references import controller_uid
from services.simulator.controllers.runtime.work_queue import EVENTS, ChangeDispatcher, Reconcile, WorkQueue
from services.simulator.storage.store import Store
from shared.kube.objects import Obj, controller_of, key_of

_K = TypeVar("_K")


class StoredRef(NamedTuple):
    """The place of an object in the store; `namespace` is "" for a cluster-scoped one."""

    resource: str
    namespace: str
    name: str


class Ownership:
    """Indexes by owner's uid, by namespace and by uid; a dict with values of None is an ordered set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dependents: dict[str, dict[StoredRef, None]] = {}
        self._contents: dict[str, dict[StoredRef, None]] = {}
        self._uncontrolled: dict[tuple[str, str], dict[StoredRef, None]] = {}
        self._refs: dict[str, StoredRef] = {}

    def observe(self, resource: str, old: Obj | None, new: Obj | None) -> None:
        """Update the indexes after a change."""
        if old is not None and new is not None:
            before, after = old["metadata"].get("ownerReferences"), new["metadata"].get("ownerReferences")
            if before is not after and before != after:
                self._unlink(ref_of(resource, old), before)
                self._link(ref_of(resource, new), after)
            return
        self._observe_content(resource, old, new)
        if new is not None:
            self._refs[new["metadata"]["uid"]] = ref_of(resource, new)
            self._link(ref_of(resource, new), new["metadata"].get("ownerReferences"))
        elif old is not None:
            self._refs.pop(old["metadata"]["uid"], None)
            self._unlink(ref_of(resource, old), old["metadata"].get("ownerReferences"))

    def find(self, uid: str) -> StoredRef | None:
        """The reference of the object with this uid; None if it doesn't exist."""
        return self._refs.get(uid)

    def dependents(self, uid: str) -> list[StoredRef]:
        """The objects that have this uid among their owners."""
        return list(self._dependents.get(uid, ()))

    def controlled(self, uid: str, resource: str) -> Iterator[Obj]:
        """The objects of one resource that the controller with this uid manages."""
        for ref in self._dependents.get(uid, ()):
            if ref.resource == resource:
                found = self._store.get(*ref)
                if found is not None and controller_uid(found) == uid:
                    yield found

    def uncontrolled(self, resource: str, namespace: str) -> Iterator[Obj]:
        """The objects of one resource in one namespace that no controller manages."""
        for ref in list(self._uncontrolled.get((resource, namespace), ())):
            found = self._store.get(*ref)
            if found is not None:
                yield found

    def contents(self, namespace: str) -> list[StoredRef]:
        """All objects in the namespace, oldest first, and its events, which are not indexed."""
        events = [ref_of(EVENTS, event) for event in self._store.list(EVENTS, namespace)]
        return [*self._contents.get(namespace, ()), *events]

    def _observe_content(self, resource: str, old: Obj | None, new: Obj | None) -> None:
        if new is not None and old is None and (namespace := new["metadata"].get("namespace")):
            self._contents.setdefault(namespace, {})[ref_of(resource, new)] = None
        elif old is not None and new is None and (namespace := old["metadata"].get("namespace")):
            _discard(self._contents, namespace, ref_of(resource, old))

    def _link(self, ref: StoredRef, owners: Iterable[Obj] | None) -> None:
        for owner in owners or ():
            self._dependents.setdefault(owner["uid"], {})[ref] = None
        if not any(owner.get("controller") for owner in owners or ()):
            self._uncontrolled.setdefault((ref.resource, ref.namespace), {})[ref] = None

    def _unlink(self, ref: StoredRef, owners: Iterable[Obj] | None) -> None:
        for owner in owners or ():
            _discard(self._dependents, owner["uid"], ref)
        _discard(self._uncontrolled, (ref.resource, ref.namespace), ref)


class PodOwners:
    """Enqueues the controller of each pod that changes; one handler for all kinds of controller."""

    def __init__(self, changes: ChangeDispatcher, queue: WorkQueue) -> None:
        self._queue = queue
        self._reconcilers: dict[str, Reconcile] = {}
        changes.watch("pods", self._on_pod)

    def register(self, kind: str, reconcile: Reconcile) -> None:
        """Reconcile objects of this kind whenever a pod that they control changes."""
        self._reconcilers[kind] = reconcile

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        pod = new or old or {}
        owner = controller_of(pod)
        reconcile = self._reconcilers.get(owner["kind"]) if owner else None
        if owner is not None and reconcile is not None:
            self._queue.add(reconcile, (pod["metadata"]["namespace"], owner["name"]))


def ref_of(resource: str, obj: Obj) -> StoredRef:
    """The reference of an object of this resource."""
    return StoredRef(resource, *key_of(obj))


def _discard(index: dict[_K, dict[StoredRef, None]], key: _K, ref: StoredRef) -> None:
    members = index.get(key)
    if members is not None:
        members.pop(ref, None)
        if not members:
            del index[key]

"""Garbage collection by owner references, as in Kubernetes.

Background: dependents are deleted after their owner. Foreground: an owner with the finalizer `foregroundDeletion`
waits until its blocking dependents are deleted. Orphan: an owner with the finalizer `orphan` is first removed from the
references of its dependents. An object with several owners stays as long as one of them exists.
"""

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.ownership import StoredRef, ref_of
from services.simulator.objects import with_metadata
from shared.kube.objects import Obj, ObjectKey, is_terminating

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector:
    """Deletes dependents of deleted owners. Work keys are (resource, "namespace/name"), since any object may be one."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch_objects(self._on_anything)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile one object, as a dependent or as a terminating owner."""
        resource, (namespace, _, name) = key[0], key[1].partition("/")
        found = self._context.store.get(resource, namespace, name)
        if found is None:
            return
        if is_terminating(found):
            self._let_go(StoredRef(resource, namespace, name), found)
        elif found["metadata"].get("ownerReferences"):
            self._collect(StoredRef(resource, namespace, name), found)

    def _collect(self, ref: StoredRef, found: Obj) -> None:
        """Delete the object if no owner exists; otherwise remove references to owners that don't."""
        owners = found["metadata"]["ownerReferences"]
        present = [owner for owner in owners if self._context.ownership.find(owner["uid"])]
        waiting = [owner for owner in present if self._waits_for_dependents(owner)]
        if not present:
            self._context.store.delete(*ref)
        elif len(waiting) == len(present):
            # Its owner waits for its deletion, so it is deleted in the foreground too.
            own = bool(self._context.ownership.dependents(found["metadata"]["uid"]))
            self._context.store.delete(*ref, finalizer=FOREGROUND if own else None)
        elif len(present) < len(owners):
            self._context.store.replace(ref.resource, with_metadata(found, ownerReferences=present))

    def _let_go(self, ref: StoredRef, owner: Obj) -> None:
        finalizers, uid = owner["metadata"].get("finalizers") or [], owner["metadata"]["uid"]
        dependents = self._context.ownership.dependents(uid)
        if ORPHAN in finalizers:
            for dependent in dependents:
                self._strike(dependent, uid)
            self._remove_finalizer(ref, owner, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = [dependent for dependent in dependents if self._blocks(dependent, uid)]
            for dependent in dependents:
                self._enqueue(dependent)
            if not blocking:
                self._remove_finalizer(ref, owner, FOREGROUND)

    def _strike(self, dependent: StoredRef, uid: str) -> None:
        found = self._context.store.get(*dependent)
        if found is not None:
            left = [owner for owner in found["metadata"].get("ownerReferences") or () if owner["uid"] != uid]
            self._context.store.replace(dependent.resource, with_metadata(found, ownerReferences=left or None))

    def _remove_finalizer(self, ref: StoredRef, owner: Obj, finalizer: str) -> None:
        left = [name for name in owner["metadata"]["finalizers"] if name != finalizer]
        self._context.store.replace(ref.resource, with_metadata(owner, finalizers=left or None))

    def _waits_for_dependents(self, owner: Obj) -> bool:
        ref = self._context.ownership.find(owner["uid"])
        found = self._context.store.get(*ref) if ref else None
        if found is None or not is_terminating(found):
            return False
        return FOREGROUND in (found["metadata"].get("finalizers") or ())

    def _blocks(self, dependent: StoredRef, uid: str) -> bool:
        found = self._context.store.get(*dependent)
        owners = found["metadata"].get("ownerReferences") or () if found else ()
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _enqueue(self, ref: StoredRef) -> None:
        self._context.queue.add(self.reconcile, (ref.resource, f"{ref.namespace}/{ref.name}"))

    def _on_anything(self, resource: str, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            if old is not None:
                self._on_removal(old)
        elif is_terminating(new):
            if new["metadata"].get("finalizers"):
                self._enqueue(ref_of(resource, new))
        elif old is None and self._lacks_an_owner(new):
            self._enqueue(ref_of(resource, new))

    def _on_removal(self, gone: Obj) -> None:
        for dependent in self._context.ownership.dependents(gone["metadata"]["uid"]):
            self._enqueue(dependent)
        for owner in gone["metadata"].get("ownerReferences") or ():
            ref = self._context.ownership.find(owner["uid"])
            if ref is not None and self._waits_for_dependents(owner):
                self._enqueue(ref)

    def _lacks_an_owner(self, made: Obj) -> bool:
        """True if an owner of the object doesn't exist or waits for the deletion of its dependents."""
        for owner in made["metadata"].get("ownerReferences") or ():
            if self._context.ownership.find(owner["uid"]) is None or self._waits_for_dependents(owner):
                return True
        return False

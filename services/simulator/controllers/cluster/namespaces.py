"""The namespace controller: default objects of new namespaces, and the deletion of terminating ones.

The objects in a terminating namespace are deleted, pods with their grace period, and the namespace is removed when it
is empty. Its conditions name what remains, in Kubernetes' words.
"""

from collections import Counter

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.ownership import StoredRef
from services.simulator.objects import with_condition
from shared.kube.objects import Obj, ObjectKey, is_terminating

NAMESPACES = "namespaces"
# Objects deleted in one reconciliation; the rest follows in the next one, to keep each short.
BATCH = 200

_QUIET = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


class NamespaceController:
    """Adds default objects to namespaces and empties terminating ones."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(NAMESPACES, self._on_namespace)
        context.changes.watch_objects(self._on_anything)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the namespace with the key ("", name)."""
        namespace = self._context.store.get(NAMESPACES, *key)
        if namespace is None:
            return
        if is_terminating(namespace):
            self._empty(namespace)
        else:
            self._furnish(namespace)

    def _furnish(self, namespace: Obj) -> None:
        name = namespace["metadata"]["name"]
        if self._context.store.get("serviceaccounts", name, "default") is None:
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
            self._context.store.create("serviceaccounts", account)
        if self._context.store.get("configmaps", name, "kube-root-ca.crt") is None:
            self._context.store.create("configmaps", _root_certificate(name))

    def _empty(self, namespace: Obj) -> None:
        name = namespace["metadata"]["name"]
        contents = self._context.ownership.contents(name)
        started = 0
        for ref in contents:
            found = self._context.store.get(*ref)
            if found is not None and not is_terminating(found):
                self._context.store.delete(*ref)
                started += 1
                if started >= BATCH:
                    self._context.queue.add(self.reconcile, ("", name))
                    return
        remaining = self._context.ownership.contents(name)
        if remaining:
            self._report(namespace, remaining)
        else:
            self._finalize(name)

    def _report(self, namespace: Obj, remaining: list[StoredRef]) -> None:
        conditions = (namespace.get("status") or {}).get("conditions") or []
        for condition in self._conditions(remaining):
            conditions = with_condition(conditions, condition, refresh=True)
        status = {**(namespace.get("status") or {}), "phase": "Terminating", "conditions": conditions}
        self._context.store.replace(NAMESPACES, {**namespace, "status": status})

    def _conditions(self, remaining: list[StoredRef]) -> list[Obj]:
        now = self._context.timestamp()
        counts = sorted(Counter(ref.resource for ref in remaining).items())
        listed = ", ".join(
            f"{resource}{'' if '.' in resource else '.'} has {count} resource instances" for resource, count in counts
        )
        holders = self._finalizers(remaining)
        found = [(kind, "False", reason, message) for kind, reason, message in _QUIET]
        found.append(
            ("NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {listed}")
        )
        if holders:
            message = f"Some content in the namespace has finalizers remaining: {holders}"
            found.append(("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message))
        else:
            message = "All content-preserving finalizers finished"
            found.append(("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", message))
        return [
            {"type": kind, "status": state, "lastTransitionTime": now, "reason": reason, "message": message}
            for kind, state, reason, message in found
        ]

    def _finalizers(self, remaining: list[StoredRef]) -> str:
        counts: Counter[str] = Counter()
        for ref in remaining:
            found = self._context.store.get(*ref)
            counts.update((found or {"metadata": {}})["metadata"].get("finalizers") or ())
        return ", ".join(f"{name} in {count} resource instances" for name, count in sorted(counts.items()))

    def _finalize(self, name: str) -> None:
        namespace = self._context.store.get(NAMESPACES, "", name)
        if namespace is not None:
            self._context.store.replace(NAMESPACES, {**namespace, "spec": {**namespace["spec"], "finalizers": []}})

    def _on_namespace(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, ("", new["metadata"]["name"]))

    def _on_anything(self, resource: str, old: Obj | None, new: Obj | None) -> None:
        """An object was created in or deleted from a terminating namespace, or a default object was deleted."""
        changed = old if new is None else new if old is None else None
        namespace = changed["metadata"].get("namespace") if changed else None
        if namespace and (self._context.terminating(namespace) or resource in ("serviceaccounts", "configmaps")):
            # One reconciliation for many deleted pods.
            self._context.queue.add_within(0.0, self.reconcile, ("", namespace))


def _root_certificate(namespace: str) -> Obj:
    about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints."
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "kube-root-ca.crt",
            "namespace": namespace,
            "annotations": {"kubernetes.io/description": about},
        },
        # The simulator's API has no TLS and so no certificate; the map exists because pods mount it.
        "data": {"ca.crt": ""},
    }

"""Which objects of a cluster are ours. Pure: objects as the API server returns them, and what was recorded of them.

Labels prove nothing, since anyone can write them: a copied label must never get a foreign object deleted. An object is
ours if it has the recorded uid, or if our field manager applied it, since the process may have died between applying
and recording. A namespace that others created isn't ours even with our label: deleting it deletes all that is in it.
"""

from collections.abc import Iterable

from services.deployer.cluster.managed_fields import applied_fields
from services.deployer.state.records import ObjectRef
from shared.kube import labels
from shared.kube.objects import Obj, labels_of

_NAMED_AT_MOST = 5
CONTROL_PLANE = frozenset(
    {
        "cloud-controller-manager",
        "k3s",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "pilot-discovery",  # Istio puts its certificate into every namespace
    }
)
"""Field managers whose objects are created and deleted together with a namespace."""
_WITHOUT_MANAGERS = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})
"""Objects of every namespace that may have no field managers, as any object without fields."""


def is_ours(ref: ObjectRef, live: Obj, tenant_id: str) -> bool:
    """Whether we created or adopted the object that exists under `ref`."""
    if ref.uid is not None and live["metadata"]["uid"] == ref.uid:
        return True
    if ref.kind == "Namespace":
        return _has_our_label(live, tenant_id)
    return applied_fields(live) is not None


def foreign(found: Iterable[Obj], inventory: Iterable[ObjectRef]) -> list[Obj]:
    """The objects of a namespace that others created.

    Not counted are objects with an owner, which is judged itself, and those that the control plane creates in every
    namespace.
    """
    known = {ref.uid for ref in inventory if ref.uid is not None}
    return [obj for obj in found if obj["metadata"]["uid"] not in known and _is_foreign(obj)]


def is_users(obj: Obj) -> bool:
    """Whether others than controllers created the object: it has no owner, and a manager that isn't the control plane.

    Our own field manager counts, too.
    """
    metadata = obj["metadata"]
    if metadata.get("ownerReferences"):
        return False
    managers = {each.get("manager", "") for each in metadata.get("managedFields") or ()}
    return bool(managers - CONTROL_PLANE - {""})


def describe(objects: Iterable[Obj]) -> str:
    """`ConfigMap notes (of kubectl), Pod debug (of kubectl-run) and 2 more`."""
    texts = [f"{obj['kind']} {obj['metadata']['name']}{_managers(obj)}" for obj in objects]
    more = len(texts) - _NAMED_AT_MOST
    return ", ".join(texts[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _managers(obj: Obj) -> str:
    managers = sorted(_others(obj))
    return f" (of {', '.join(managers)})" if managers else ""


def _has_our_label(namespace: Obj, tenant_id: str) -> bool:
    owned = (applied_fields(namespace) or {}).get("f:metadata", {}).get("f:labels", {})
    return f"f:{labels.TENANT}" in owned and labels_of(namespace).get(labels.TENANT) == tenant_id


def _is_foreign(obj: Obj) -> bool:
    metadata = obj["metadata"]
    if metadata.get("ownerReferences") or applied_fields(obj) is not None:
        return False
    if not metadata.get("managedFields"):
        is_claim = obj["kind"] == "PersistentVolumeClaim"  # a StatefulSet's; one that a client creates has managers
        return not is_claim and (obj["kind"], metadata["name"]) not in _WITHOUT_MANAGERS
    return bool(_others(obj))


def _others(obj: Obj) -> set[str]:
    managers = {each.get("manager", "") for each in obj["metadata"].get("managedFields") or ()}
    return managers - CONTROL_PLANE - {labels.FIELD_MANAGER, ""}

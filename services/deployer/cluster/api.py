"""What the deployer needs of a cluster: a port, and its errors.

    ClusterUnavailable   (DependencyUnavailable)  no connection, 5xx, 429, a storage conflict: retried until it succeeds
    NamespaceTerminating (TemporaryError)         nothing can be created in the namespace until it is gone
    WatchExpired         (TemporaryError)         a watch can't continue from its resource version: list again
    FieldConflict        (PermanentError)         another manager owns a field; `owners` names both
    KindUnknown          (PermanentError)         the cluster doesn't serve the kind
    ClusterRefused       (PermanentError)         invalid or forbidden, with the API server's message

The adapter is `kubernetes.KubernetesAdapter`; tests use a fake that passes the same contract suite.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, Protocol

from services.deployer.state.records import ObjectRef
from shared.errors import DependencyUnavailable, PermanentError, TemporaryError
from shared.kube.kinds import KINDS, Kind
from shared.kube.objects import Obj

EVENT, NODE, POD, REPLICA_SET = (KINDS[name].kind for name in ("Event", "Node", "Pod", "ReplicaSet"))


class ClusterUnavailable(DependencyUnavailable):
    """The API server of a cluster can't answer now. `reason` is its message or the connection's error."""

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(f"the Kubernetes API of cluster {cluster}", reason)
        self.reason = reason


class NamespaceTerminating(TemporaryError):
    """The namespace is being deleted."""

    code = "KUBERNETES_ERROR"


class WatchExpired(TemporaryError):
    """The resource version of a watch is too old."""

    code = "KUBERNETES_ERROR"


class ClusterRefused(PermanentError):
    """The API server refused a request as invalid or forbidden."""

    code = "KUBERNETES_ERROR"


class KindUnknown(PermanentError):
    """The cluster doesn't serve a kind, such as one of a CustomResourceDefinition that isn't installed."""

    code = "KUBERNETES_ERROR"


class FieldConflict(PermanentError):
    """Server-side apply would change a field that another manager owns."""

    code = "KUBERNETES_ERROR"

    def __init__(self, ref: ObjectRef, owners: tuple[tuple[str, str], ...]) -> None:
        """`owners` are pairs of a manager and a field, such as `("kubectl", ".spec.replicas")`."""
        fields = ", ".join(f"{field} (owned by {manager})" for manager, field in owners)
        super().__init__(
            f"{ref}: {fields} would be taken from another manager; set force_conflicts to take it",
            details={"owners": [{"manager": manager, "field": field} for manager, field in owners]},
        )
        self.owners = owners


class Listing(NamedTuple):
    """All objects of a kind, and the resource version from which a watch continues."""

    items: list[Obj]
    resource_version: str


class ObjectChange(NamedTuple):
    """One change that a watch delivers."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    obj: Obj


class ClusterApi(Protocol):
    """The API of one cluster. Every method raises ClusterUnavailable, ClusterRefused and KindUnknown."""

    name: str

    async def apply(self, obj: Obj, *, force: bool) -> Obj:
        """Server-side apply; returns the object as stored. Raises FieldConflict, NamespaceTerminating."""

    async def read(self, ref: ObjectRef) -> Obj | None:
        """The object, or None if it doesn't exist or its kind is unknown."""

    async def patch(self, ref: ObjectRef, body: Obj) -> None:
        """JSON merge patch with our field manager, so that our later applies may change it; no error without object."""

    async def remove(self, ref: ObjectRef, *, uid: str, grace_seconds: int | None = None) -> None:
        """Delete in the background, only the object with this uid; no error if there is none, or another one."""

    async def contents(self, namespace: str) -> Sequence[Obj]:
        """All objects that a deletion of the namespace would delete, of every kind that we may list."""

    async def preview(self, obj: Obj) -> Obj:
        """What `apply` with force would store (a dry run)."""

    async def list(self, kind: Kind, namespace: str, label: str = "") -> Listing:
        """All objects of a kind in a namespace (`""`: in all of them), optionally only those with `label`."""

    def watch(self, kind: Kind, namespace: str, resource_version: str, label: str = "") -> AsyncIterator[ObjectChange]:
        """The changes after `resource_version`. It ends from time to time; watch again then. Raises WatchExpired."""

    async def allows(self, verb: str, kind: Kind, namespace: str) -> bool:
        """Whether we may use `verb` on a kind (`""`: in all namespaces, or for a cluster-scoped kind)."""


def ref_of(obj: Obj) -> ObjectRef:
    """The reference to an object; with its uid if the object came from a cluster."""
    metadata = obj["metadata"]
    return ObjectRef(
        api_version=obj["apiVersion"],
        kind=obj["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid"),
    )


def stub_of(ref: ObjectRef) -> Obj:
    """An object with nothing but what identifies it, to look it up by."""
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}

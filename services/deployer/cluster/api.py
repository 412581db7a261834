"""What the deployer needs of a cluster: a port, and the errors that come through it.

    ClusterUnavailable   (DependencyUnavailable)  no connection, 5xx, 429, a conflict in storage: it heals, so we wait
    NamespaceTerminating (TemporaryError)         nothing can be made in the namespace before it is gone
    WatchExpired         (TemporaryError)         a watch can't go on from where it was: list again
    FieldConflict        (PermanentError)         another manager owns a field; `owners` says who and which
    KindUnknown          (PermanentError)         the cluster has no such kind
    ClusterRefused       (PermanentError)         invalid or forbidden, in the API server's words

The adapter is `kubernetes.KubernetesCluster`; tests have a fake that passes the same contract suite.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from services.deployer.state.records import ObjectRef
from shared.errors import DependencyUnavailable, PermanentError, TemporaryError

Obj = dict[str, Any]
"""A Kubernetes object as JSON."""

FIELD_MANAGER = "ecp-orchestrator"
TENANT_LABEL = "ecp.ai/tenant"


class ClusterUnavailable(DependencyUnavailable):
    """The API server of a cluster doesn't answer, or not now; `reason` says why."""

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(f"the Kubernetes API of cluster {cluster}", reason)
        self.reason = reason


class NamespaceTerminating(TemporaryError):
    code = "KUBERNETES_ERROR"


class WatchExpired(TemporaryError):
    code = "KUBERNETES_ERROR"


class ClusterRefused(PermanentError):
    code = "KUBERNETES_ERROR"


class KindUnknown(PermanentError):
    code = "KUBERNETES_ERROR"


class FieldConflict(PermanentError):
    code = "KUBERNETES_ERROR"

    def __init__(self, ref: ObjectRef, owners: tuple[tuple[str, str], ...]) -> None:
        """`owners` are pairs of a manager and a field, such as `("kubectl", ".spec.replicas")`."""
        fields = ", ".join(f"{field} (owned by {manager})" for manager, field in owners)
        super().__init__(
            f"{ref}: {fields} would be taken from another manager; set force_conflicts to take it",
            details={"owners": [{"manager": manager, "field": field} for manager, field in owners]},
        )
        self.owners = owners


class Kind(NamedTuple):
    """A kind of object, e.g. `Kind("apps/v1", "Deployment")`."""

    api_version: str
    kind: str


class Listing(NamedTuple):
    """All objects of a kind, and the version from which a watch goes on."""

    items: list[Obj]
    resource_version: str


class WatchEvent(NamedTuple):
    """One step of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    obj: Obj


class ClusterApi(Protocol):
    """A cluster's API. Everything raises ClusterUnavailable, ClusterRefused and KindUnknown."""

    name: str

    async def apply(self, obj: Obj, *, force: bool) -> Obj:
        """Server-side apply; the object as it is then. Raises FieldConflict, NamespaceTerminating."""

    async def read(self, ref: ObjectRef) -> Obj | None:
        """The object, or None if there is none; its kind may be unknown too."""

    async def patch(self, ref: ObjectRef, body: Obj) -> None:
        """JSON merge patch, in our name; nothing if the object isn't there. Later applies of ours may change it."""

    async def remove(self, ref: ObjectRef, *, uid: str, grace_seconds: int | None = None) -> None:
        """Delete in the background, if it still is the one with `uid`; no error if it isn't there or is another."""

    async def contents(self, namespace: str) -> Sequence[Obj]:
        """All objects in a namespace that it would take along, of every kind that we may list."""

    async def preview(self, obj: Obj) -> Obj:
        """What `apply` with force would make of it; nothing is changed."""

    async def list(self, kind: Kind, namespace: str, label: str = "") -> Listing:
        """All objects of a kind in a namespace (`""`: of the cluster), of those with `label` if one is given."""

    def watch(self, kind: Kind, namespace: str, resource_version: str, label: str = "") -> AsyncIterator[WatchEvent]:
        """What changes after `resource_version`. Ends by itself now and then. Raises WatchExpired."""

    async def allows(self, verb: str, kind: Kind, namespace: str) -> bool:
        """Whether we may do this (`""`: in all namespaces, or to what has none). Raises if that can't be asked."""


def ref_of(obj: Obj) -> ObjectRef:
    """Which object `obj` is; with its uid if it came from a cluster."""
    metadata = obj["metadata"]
    return ObjectRef(
        api_version=obj["apiVersion"],
        kind=obj["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid"),
    )


def stub_of(ref: ObjectRef) -> Obj:
    """Just enough of an object to look it up by."""
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def kind_of(obj: Obj) -> Kind:
    return Kind(obj["apiVersion"], obj["kind"])

"""The objects of a manifest, in the order in which a cluster needs them. Pure."""

from collections.abc import Collection, Sequence
from typing import Any

from services.deployer.state.errors import InvalidManifest
from shared.events import Phase
from shared.kube.kinds import CLUSTER_SCOPED, Kind, kind_of
from shared.kube.objects import Obj
from shared.reading import InvalidText
from shared.reading.single import parse_documents

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
AUTOSCALER = "HorizontalPodAutoscaler"
_ORDER = (
    "Namespace",
    "PriorityClass",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "Ingress",
    "APIService",
)
"""As in Helm and Argo CD: first limits and what others refer to, then what runs, then what exposes it."""

_RANK = {kind: rank for rank, kind in enumerate(_ORDER)}
_FIRST_SERVICE = _RANK["Service"]


def parse(text: str, namespace: str) -> list[Obj]:
    """The objects of a YAML or JSON manifest in the order of apply; the items of a `kind: List` replace it.

    An object without a namespace gets `namespace`, unless its kind is cluster-scoped. Raises InvalidManifest.
    """
    try:
        documents = parse_documents(text)
    except InvalidText as error:
        raise InvalidManifest(f"the manifest is no YAML: {error}") from error
    objects = [_checked(each, namespace) for document in documents if document for each in _unfolded(document)]
    if not objects:
        raise InvalidManifest("the manifest has no objects")
    return sorted(objects, key=lambda obj: rank(obj["kind"]))


def rank(kind: str) -> int:
    """The position of a kind in the order of apply. Unknown kinds come last, after their definitions."""
    return _RANK.get(kind, len(_ORDER))


def phase_of(kind: str) -> Phase:
    """The phase in which a kind is applied."""
    if kind == "Namespace":
        return Phase.CREATING_NAMESPACE
    return Phase.CREATING_CONFIGURATION if rank(kind) < _FIRST_SERVICE else Phase.CREATING_SERVICES


def autoscaler_minimums(objects: Sequence[Obj], skipped: Collection[Kind] = ()) -> dict[tuple[str, str], int]:
    """The minimum replicas that the manifest's autoscalers guarantee, by kind and name of the workload."""
    found = {}
    for obj in objects:
        if obj["kind"] == AUTOSCALER and kind_of(obj) not in skipped:
            target = obj["spec"]["scaleTargetRef"]
            found[(target["kind"], target["name"])] = int(obj["spec"].get("minReplicas", 1))
    return found


def is_extension(api_version: str) -> bool:
    """Whether a CustomResourceDefinition defines the group: Kubernetes' own have no dot or end in `.k8s.io`."""
    group = api_version.rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def _unfolded(document: Any) -> list[Any]:
    if isinstance(document, dict) and document.get("kind") == "List":
        items = document.get("items")
        return items if isinstance(items, list) else []
    return [document]


def _checked(obj: Any, namespace: str) -> Obj:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict) or not all((obj.get("apiVersion"), obj.get("kind"), metadata.get("name"))):
        raise InvalidManifest("an object of the manifest lacks apiVersion, kind or metadata.name")
    if obj["kind"] in CLUSTER_SCOPED:
        return dict(obj)
    return {**obj, "metadata": {**metadata, "namespace": metadata.get("namespace", namespace)}}

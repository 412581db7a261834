"""A manifest's text as objects, in the order in which a cluster wants them. Pure."""

from typing import Any

from services.deployer.cluster.api import Obj
from shared.errors import PermanentError
from shared.events import Phase
from shared.reading import InvalidText
from shared.reading.single import parse_documents

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
"""Helm's and Argo CD's experience: first what limits and what is referred to, then what runs, then what exposes it."""

_RANK = {kind: rank for rank, kind in enumerate(_ORDER)}
_FIRST_SERVICE = _RANK["Service"]
_CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "PersistentVolume",
        "CustomResourceDefinition",
        "ClusterRole",
        "ClusterRoleBinding",
        "APIService",
        "PriorityClass",
        "StorageClass",
    }
)


class InvalidManifest(PermanentError):
    """What was rendered is no list of Kubernetes objects."""

    code = "MANIFEST_INVALID"


def parse(text: str, namespace: str) -> list[Obj]:
    """The objects of a YAML or JSON manifest in the order of apply; `kind: List` is taken apart.

    An object without a namespace gets `namespace`, unless its kind has none. Raises InvalidManifest.
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
    """When a kind is applied. Unknown kinds come last, behind the definitions that they may need."""
    return _RANK.get(kind, len(_ORDER))


def phase_of(kind: str) -> Phase:
    """The phase in which a kind is applied."""
    if kind == "Namespace":
        return Phase.CREATING_NAMESPACE
    return Phase.CREATING_CONFIGURATION if rank(kind) < _FIRST_SERVICE else Phase.CREATING_SERVICES


def _unfolded(document: Any) -> list[Any]:
    if isinstance(document, dict) and document.get("kind") == "List":
        items = document.get("items")
        return items if isinstance(items, list) else []
    return [document]


def _checked(obj: Any, namespace: str) -> Obj:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict) or not all((obj.get("apiVersion"), obj.get("kind"), metadata.get("name"))):
        raise InvalidManifest("an object of the manifest lacks apiVersion, kind or metadata.name")
    if obj["kind"] in _CLUSTER_SCOPED:
        return dict(obj)
    return {**obj, "metadata": {**metadata, "namespace": metadata.get("namespace", namespace)}}

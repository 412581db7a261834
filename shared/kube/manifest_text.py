"""The objects in the text of a manifest, in the order in which a cluster needs them. Pure."""

from typing import Any

from shared.kube.kinds import CLUSTER_SCOPED
from shared.kube.objects import Obj
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
"""As in Helm and Argo CD: first limits and what others refer to, then what runs, then what exposes it."""

_RANK = {kind: rank for rank, kind in enumerate(_ORDER)}


def parse_manifest(text: str, namespace: str) -> list[Obj]:
    """The objects of a YAML or JSON manifest in the order of apply; the items of a `kind: List` replace it.

    An object without a namespace gets `namespace`, unless its kind is cluster-scoped. Raises InvalidText.
    """
    try:
        documents = parse_documents(text)
    except InvalidText as error:
        raise InvalidText(f"the manifest is no YAML: {error}") from error
    objects = [_checked(each, namespace) for document in documents if document for each in _unfolded(document)]
    if not objects:
        raise InvalidText("the manifest has no objects")
    return sorted(objects, key=lambda obj: rank(obj["kind"]))


def rank(kind: str) -> int:
    """The position of a kind in the order of apply. Unknown kinds come last, after their definitions."""
    return _RANK.get(kind, len(_ORDER))


def _unfolded(document: Any) -> list[Any]:
    if isinstance(document, dict) and document.get("kind") == "List":
        items = document.get("items")
        return items if isinstance(items, list) else []
    return [document]


def _checked(obj: Any, namespace: str) -> Obj:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict) or not all((obj.get("apiVersion"), obj.get("kind"), metadata.get("name"))):
        raise InvalidText("an object of the manifest lacks apiVersion, kind or metadata.name")
    if obj["kind"] in CLUSTER_SCOPED:
        return dict(obj)
    return {**obj, "metadata": {**metadata, "namespace": metadata.get("namespace", namespace)}}

"""The objects in the text of a manifest, in the order in which a cluster needs them. Pure."""

from collections.abc import Iterable
from typing import Any

import orjson

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
    return _in_order(documents, namespace)


def stored_objects(text: str, namespace: str) -> list[Obj]:
    """The objects of a manifest that a service of ours stored, as `parse_manifest` returns them. Raises InvalidText.

    Manifests are stored as JSON, which takes a fiftieth of the time of YAML to read; release 0.1 stored YAML. Depth
    isn't checked again: its writer bounds it, and the digest shows that the text is the writer's.
    """
    try:
        return _in_order([orjson.loads(text)], namespace)
    except orjson.JSONDecodeError:
        return parse_manifest(text, namespace)


def is_json(text: str) -> bool:
    """Whether a stored manifest seems to be JSON, and not YAML, which takes long to read."""
    return text.startswith("{")


def rank(kind: str) -> int:
    """The position of a kind in the order of apply. Unknown kinds come last, after their definitions."""
    return _RANK.get(kind, len(_ORDER))


def _in_order(documents: Iterable[Any], namespace: str) -> list[Obj]:
    objects = [_checked(each, namespace) for document in documents if document for each in _unfolded(document)]
    if not objects:
        raise InvalidText("the manifest has no objects")
    return sorted(objects, key=lambda obj: rank(obj["kind"]))


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

"""Kubernetes objects as plain dicts, and the questions that several services ask of them. Pure.

An object is immutable by convention: to change one, build a new dict and share what stays the same. The fields that
the API server omits when they are empty (`metadata.namespace`, `labels`, `status`, ...) may be missing here too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from shared.kube.texts import parse_time

Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object, or a part of one, as decoded JSON."""
ObjectKey: TypeAlias = tuple[str, str]
"""Namespace and name of an object; the namespace is empty for a cluster-scoped one."""


def key_of(obj: Mapping[str, Any]) -> ObjectKey:
    """Namespace and name: what identifies an object among those of its kind."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def labels_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """The object's labels; empty if it has none."""
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def annotations_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """The object's annotations; empty if it has none."""
    annotations: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return annotations


def is_terminating(obj: Mapping[str, Any]) -> bool:
    """True from the moment at which the API server accepted a deletion."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def controller_of(obj: Mapping[str, Any]) -> Obj | None:
    """The owner reference with `controller: true`; None if no controller manages the object."""
    references: list[Obj] = obj["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), None)


def condition(obj: Mapping[str, Any], kind: str) -> Obj | None:
    """The status condition of type `kind`, or None."""
    conditions: list[Obj] = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), None)


def is_true(obj: Mapping[str, Any], kind: str) -> bool:
    """Whether the status condition of type `kind` has the status `True`."""
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"


def is_ready(obj: Mapping[str, Any]) -> bool:
    """Whether the condition `Ready` of a pod or a node is `True`."""
    return is_true(obj, "Ready")


def optional_time(text: str | None) -> datetime | None:
    """A Kubernetes timestamp in UTC; None if the field is empty or absent."""
    return parse_time(text) if text else None


def selector_matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (`matchLabels`, `matchExpressions`) selects these labels.

    As in Kubernetes, an empty selector selects everything and a missing one (None) selects nothing. An invalid
    expression selects nothing either.
    """
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _expression_holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key = expression.get("key")
    if not key:
        return False
    value, values = labels.get(key), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False

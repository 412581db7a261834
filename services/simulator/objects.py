"""Kubernetes objects as plain dicts, and the small questions everyone asks them.

Objects are immutable by convention: whoever changes one builds a new dict and shares what stays the same. Nothing
enforces it but review, and everything relies on it: the store, the watch log and every reader hold the same object
without copying.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

Obj: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]


def key_of(obj: Obj) -> Key:
    """(namespace, name); the namespace is empty for an object of the cluster."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def labels_of(obj: Obj) -> Mapping[str, str]:
    """The object's labels; empty where it has none."""
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def is_terminating(obj: Obj) -> bool:
    """True from the moment a deletion was accepted."""
    return "deletionTimestamp" in obj["metadata"]


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference that says `controller: true`, None for an object that nobody controls."""
    references: list[Obj] = obj["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), None)


def with_metadata(obj: Obj, **changes: Any) -> Obj:
    """A copy of the object with metadata fields set; a value of None removes the field."""
    metadata = {name: value for name, value in {**obj["metadata"], **changes}.items() if value is not None}
    return {**obj, "metadata": metadata}


def matches(selector: Obj | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels: None selects nothing, an empty one everything."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _holds(expression: Obj, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def timestamp(moment: datetime) -> str:
    """A time as the API writes it: UTC, whole seconds, `2026-01-31T09:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

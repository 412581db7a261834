"""The part of a live object that its managers have set, as a manifest that changes nothing when it is applied. Pure.

The API server records which fields each manager set (`metadata.managedFields`). Fields that controllers set aren't part
of it, nor are the status and what the API server maintains: a manifest with them would fight with their owners.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from services.deployer.cluster.ownership import CONTROL_PLANE
from shared.kube.objects import Obj

_DROPPED_ANNOTATIONS = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})
"""It repeats the whole object, also the values of a Secret."""
_METADATA = ("labels", "annotations")
_LEFT_OUT = frozenset({"apiVersion", "kind", "metadata", "status"})


def extracted(live: Obj) -> Obj:
    """The object with those of its fields that others than controllers have set."""
    taken = _taken(live, managed_fields(live))
    metadata = _metadata(live, taken.get("metadata") or {})
    body = {name: value for name, value in taken.items() if name not in _LEFT_OUT}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, **body}


def managed_fields(live: Obj) -> dict[str, Any]:
    """All fields that managers other than controllers own, as one set (FieldsV1)."""
    found: dict[str, Any] = {}
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("manager") not in CONTROL_PLANE and not entry.get("subresource"):
            found = _merged(found, entry.get("fieldsV1") or {})
    return found


def _metadata(live: Obj, taken: Mapping[str, Any]) -> Obj:
    identity = {name: live["metadata"][name] for name in ("name", "namespace") if live["metadata"].get(name)}
    kept = {
        name: {key: value for key, value in (taken.get(name) or {}).items() if key not in _DROPPED_ANNOTATIONS}
        for name in _METADATA
    }
    return {**identity, **{name: entries for name, entries in kept.items() if entries}}


def _merged(left: dict[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """The union of two sets. A field without fields below it is owned as a whole."""
    union = dict(left)
    for name, below in right.items():
        known = union.get(name)
        is_whole = known == {} or (known is not None and not below)
        union[name] = {} if is_whole else _merged(known or {}, below)
    return union


def _taken(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of `value` that `fields` has."""
    named = {name: below for name, below in fields.items() if name != "."}
    if not named:
        return value
    if isinstance(value, dict):
        pairs = ((name.removeprefix("f:"), below) for name, below in named.items() if name.startswith("f:"))
        return {name: _taken(value[name], below) for name, below in pairs if value.get(name) is not None}
    if isinstance(value, list):
        return [part for item in value if (part := _item(item, named)) is not None]
    return value


def _item(item: Any, fields: Mapping[str, Any]) -> Any:
    """The part of an item of a list that `fields` has; None if they don't have it."""
    for name, below in fields.items():
        kind, _, text = name.partition(":")
        if kind == "v" and orjson.loads(text) == item:
            return item
        if kind == "k" and isinstance(item, dict):
            key: dict[str, Any] = orjson.loads(text)
            if all(item.get(field) == value for field, value in key.items()):
                return {**key, **_taken(item, below)}
    return None

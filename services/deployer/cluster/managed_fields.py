"""Ownership of an object's fields, as server-side apply records it in `metadata.managedFields`. Pure."""

import hashlib
from typing import Any

import orjson

from shared.kube.differences import Path
from shared.kube.labels import FIELD_MANAGER
from shared.kube.objects import Obj


def applied_fields(obj: Obj) -> dict[str, Any] | None:
    """The fields that we own by applying (FieldsV1); None if we applied nothing, or lost all of it."""
    for entry in obj["metadata"].get("managedFields") or ():
        is_whole = not entry.get("subresource")
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and is_whole:
            fields: dict[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return None


def digest(obj: Obj) -> str:
    """A short digest of the set of fields that we own by applying.

    An API server removes a field from the set of its owner when another manager changes or removes the field. An equal
    digest therefore proves that none of our fields changed, whatever others have added.
    """
    fields = orjson.dumps(applied_fields(obj), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(fields, digest_size=8).hexdigest()


def content(obj: Obj) -> str:
    """A short digest of the object without its status and the metadata that the API server maintains.

    After another manager has taken a field, only this shows that it changed the field again, or back.
    """
    metadata = [obj["metadata"].get(name) for name in ("labels", "annotations", "finalizers")]
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    text = orjson.dumps([metadata, rest], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def owner(obj: Obj, path: Path) -> str | None:
    """The latest manager, other than us, that owns the field at `path`; None if there is none."""
    entries = [each for each in _others(obj) if _has(each.get("fieldsV1") or {}, path)]
    return entries[-1]["manager"] if entries else None


def latest(obj: Obj) -> str | None:
    """The latest manager, other than us, that wrote anything but the status; None if there is none."""
    entries = [each for each in _others(obj) if each.get("subresource") != "status"]
    return entries[-1]["manager"] if entries else None


def _others(obj: Obj) -> list[Obj]:
    """The entries of other managers, in the order of their times."""
    entries = obj["metadata"].get("managedFields") or ()
    return sorted((each for each in entries if each.get("manager") != FIELD_MANAGER), key=lambda e: e.get("time") or "")


def _has(fields: Any, path: Path) -> bool:
    """Whether a set of fields contains `path`, or a parent of it as a whole, such as an atomic list."""
    if not path:
        return True
    if not fields:
        return False
    step, *rest = path
    if isinstance(step, str):
        below = fields.get(f"f:{step}")
        return below is not None and (not below or _has(below, tuple(rest)))
    return any(_is_item(name, step) and (not below or _has(below, tuple(rest))) for name, below in fields.items())


def _is_item(name: str, item: Obj) -> bool:
    """Whether a key such as `k:{"name":"app"}` identifies the item of a list."""
    if not name.startswith("k:"):
        return False
    key = orjson.loads(name[2:])
    return all(item.get(field) == value for field, value in key.items())

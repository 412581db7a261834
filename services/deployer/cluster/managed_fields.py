"""Who owns which fields of an object, as server-side apply records it in `metadata.managedFields`. Pure."""

import hashlib
from typing import Any

import orjson

from services.deployer.cluster.api import FIELD_MANAGER, Obj

Path = tuple[str | Obj, ...]
"""The way to a value: names of fields, and items of lists as they are."""
KEYS = ("name", "containerPort", "port", "mountPath", "ip", "type")
"""What tells the items of Kubernetes' lists apart."""


def applied_fields(obj: Obj) -> dict[str, Any] | None:
    """The fields that we own by applying (FieldsV1), or None where we have applied nothing or lost all."""
    for entry in obj["metadata"].get("managedFields") or ():
        is_whole = not entry.get("subresource")
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and is_whole:
            fields: dict[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return None


def digest(obj: Obj) -> str:
    """A short digest of the fields that we own by applying.

    An API server takes a field from its owner when another manager changes or removes it. So as long as the digest is
    the same, nothing of ours has changed, whatever else others have added.
    """
    fields = orjson.dumps(applied_fields(obj), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(fields, digest_size=8).hexdigest()


def content(obj: Obj) -> str:
    """A short digest of what the object asks for, by any writer: all but its status and the server's bookkeeping.

    Where a field was taken from us, only this shows that its new owner has changed it once more, or back.
    """
    metadata = [obj["metadata"].get(name) for name in ("labels", "annotations", "finalizers")]
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    text = orjson.dumps([metadata, rest], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def owner(obj: Obj, path: Path) -> str | None:
    """The manager besides us that owns the field at `path`, the latest of several; None if none does."""
    entries = [each for each in _others(obj) if _has(each.get("fieldsV1") or {}, path)]
    return entries[-1]["manager"] if entries else None


def latest(obj: Obj) -> str | None:
    """The manager besides us that wrote the object itself last; None if none did."""
    entries = [each for each in _others(obj) if each.get("subresource") != "status"]
    return entries[-1]["manager"] if entries else None


def written(path: Path) -> str:
    """A path as Kubernetes writes it: `.spec.template.spec.containers[name="app"].image`."""
    return "".join(f".{step}" if isinstance(step, str) else _item(step) for step in path)


def _others(obj: Obj) -> list[Obj]:
    """Entries of others, in the order of their times."""
    entries = obj["metadata"].get("managedFields") or ()
    return sorted((each for each in entries if each.get("manager") != FIELD_MANAGER), key=lambda e: e.get("time") or "")


def _has(fields: Any, path: Path) -> bool:
    """Whether a set of fields has `path`, or what stands above it as a whole, as an atomic list."""
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
    """Whether `k:{"name":"app"}` names that item of a list."""
    if not name.startswith("k:"):
        return False
    key = orjson.loads(name[2:])
    return all(item.get(field) == value for field, value in key.items())


def _item(item: Obj) -> str:
    field = next((each for each in KEYS if each in item), None)
    return f"[{field}={orjson.dumps(item[field]).decode()}]" if field else "[]"

"""The fields in which two objects of one kind differ, by path. Pure.

Absent and empty values are equal, but 0 and false are values of their own: a default may be another one. The items of a
list are paired by the field that identifies them for Kubernetes, so that an item in another position is no difference.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from shared.kube.objects import Obj

Path: TypeAlias = tuple[str | Obj, ...]
"""The path to a value: names of fields, and whole items of lists."""
KEYS = ("name", "containerPort", "port", "mountPath", "ip", "type")
"""The fields by which Kubernetes identifies the items of lists."""
_METADATA = ("labels", "annotations", "finalizers")


def comparable(obj: Obj) -> Obj:
    """The object without its name, its status, and the metadata that the API server maintains."""
    metadata = {name: obj["metadata"].get(name) for name in _METADATA}
    rest = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata", "status")}
    return {"metadata": metadata, **rest}


def differences(found: Any, wanted: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Path, found and wanted value of each difference; None where a value is absent."""
    if found == wanted or (_is_empty(found) and _is_empty(wanted)):
        return
    if isinstance(wanted, Mapping) and isinstance(found, Mapping | None):
        there = found or {}
        for name in dict.fromkeys((*wanted, *there)):
            yield from differences(there.get(name), wanted.get(name), (*path, name))
    elif (pairs := _paired(found, wanted)) is not None:
        for item, there, value in pairs:
            yield from differences(there, value, (*path, item))
    else:
        yield path, found, wanted


def written(path: Path) -> str:
    """A path in Kubernetes' notation: `.spec.template.spec.containers[name="app"].image`."""
    return "".join(f".{step}" if isinstance(step, str) else _item(step) for step in path)


def _is_empty(value: Any) -> bool:
    """Whether it is the same as an absent value."""
    return not value and not isinstance(value, int | float)


def _paired(found: Any, wanted: Any) -> list[tuple[Obj, Any, Any]] | None:
    """The items of two lists, paired by the field that identifies them; None if there is no such field."""
    if not isinstance(wanted, list) or not isinstance(found, list | None):
        return None
    for key in KEYS:
        there, ours = _by(key, found or []), _by(key, wanted)
        if there is not None and ours is not None:
            return [((ours.get(name) or there[name]), there.get(name), ours.get(name)) for name in {**ours, **there}]
    return None


def _by(key: str, items: list[Any]) -> dict[Any, Obj] | None:
    """The items by the value of `key`; None unless each has its own, and a plain one."""
    found = {item[key]: item for item in items if isinstance(item, dict) and isinstance(item.get(key), str | int)}
    return found if len(found) == len(items) else None


def _item(item: Obj) -> str:
    field = next((each for each in KEYS if each in item), None)
    return f"[{field}={orjson.dumps(item[field]).decode()}]" if field else "[]"

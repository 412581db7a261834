"""Compares objects and whole manifests: `shared.changes` in its public form. Pure."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from shared.changes import HIDDEN, Changes, ChangeSummary, FieldChange, ObjectChange
from shared.kube.differences import Path, comparable, differences, written
from shared.kube.objects import Obj, key_of

Identity = tuple[str, str, str, str]
"""API group, kind, namespace and name. Not the version: an object keeps its identity when it is upgraded."""

_KINDS = ("added", "removed", "changed")
_LONGEST = 2000
"""Characters of a value, as text or JSON. A whole configuration file may be one value."""


def _without_owner(_path: Path) -> None:
    return None


def field_changes(old: Obj, new: Obj, owner: Callable[[Path], str | None] = _without_owner) -> tuple[FieldChange, ...]:
    """The fields in which `new` differs from `old`, two objects of one kind. `owner` names that of an old value."""
    is_secret = new["kind"] == "Secret"
    found = differences(comparable(old), comparable(new))
    return tuple(
        FieldChange(path=written(path), old=_shown(was, is_secret), new=_shown(becomes, is_secret), owner=owner(path))
        for path, was, becomes in found
    )


def object_change(obj: Obj, change: str, fields: tuple[FieldChange, ...] = (), note: str | None = None) -> ObjectChange:
    """The change of one object: `added`, `removed` or `changed`."""
    namespace, name = key_of(obj)
    return ObjectChange.model_validate(
        {
            "kind": obj["kind"],
            "namespace": namespace or None,
            "name": name,
            "change": change,
            "fields": fields,
            "note": note,
        }
    )


def summarized(changes: Iterable[ObjectChange], unchanged: int) -> Changes:
    """The changes with their numbers."""
    found = tuple(changes)
    added, removed, changed = (sum(1 for each in found if each.change == kind) for kind in _KINDS)
    summary = ChangeSummary(added=added, removed=removed, changed=changed, unchanged=unchanged)
    return Changes(changes=found, summary=summary)


def changes_between(old: Iterable[Obj], new: Iterable[Obj]) -> Changes:
    """The changes from one manifest to another. Objects are in the order of `new`, then the removed ones of `old`."""
    before = {identity(each): each for each in old}
    after = {identity(each): each for each in new}
    found: list[ObjectChange] = []
    unchanged = 0
    for name, obj in after.items():
        if (earlier := before.get(name)) is None:
            found.append(object_change(obj, "added"))
        elif fields := field_changes(earlier, obj):
            found.append(object_change(obj, "changed", fields))
        else:
            unchanged += 1
    found += [object_change(obj, "removed") for name, obj in before.items() if name not in after]
    return summarized(found, unchanged)


def identity(obj: Obj) -> Identity:
    """What identifies an object in a cluster."""
    return (obj["apiVersion"].rpartition("/")[0], obj["kind"], *key_of(obj))


def _shown(value: Any, is_secret: bool) -> Any:
    """A JSON value of bounded size."""
    if value is None:
        return None
    if is_secret:
        return HIDDEN
    if isinstance(value, int | float | bool):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return value if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

"""Sets of fields: their paths, their FieldsV1 encoding in managedFields, and their form in conflict messages.

A path is a tuple of elements as FieldsV1 encodes them: `f:spec` a field or a map's key, `k:{"name":"app"}` an
item of an associative list, `v:"x"` a member of a set. A set of fields is a frozenset of such paths, so that union,
intersection and difference are Python's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import orjson

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = frozenset[Path]

_ELEMENTS: Final = ("f:", "k:", "v:", "i:")
_EMPTY: Final[dict[str, Any]] = {}


def field(name: str) -> str:
    """The element of a struct's field or of a map's key."""
    return f"f:{name}"


def keyed(key: dict[str, Any]) -> str:
    """The element of a list item, by its key fields."""
    return "k:" + orjson.dumps(key, option=orjson.OPT_SORT_KEYS).decode()


def valued(value: Any) -> str:
    """The element of a member of a set."""
    return "v:" + orjson.dumps(value).decode()


def encode(fields: FieldSet) -> dict[str, Any]:
    """The FieldsV1 form: nested by element, with `.` for a path that is a member and has members below it.

    Objects share elements and empty nodes, which are most of the memory of managedFields. So the form must not be
    changed, as all that is stored.
    """
    root: dict[str, Any] = {}
    parents = {path[:depth] for path in fields for depth in range(1, len(path))}
    for path in sorted(fields):
        node = root
        for element in path[:-1]:
            node = node.setdefault(sys.intern(element), {})
        node[sys.intern(path[-1])] = {".": _EMPTY} if path in parents else _EMPTY
    return root


def decode(encoded: Any) -> FieldSet:
    """The set of fields of a FieldsV1 form. Raises ValueError if it is malformed."""
    return frozenset(_paths(encoded, ()))


def _paths(node: Any, path: Path) -> Iterable[Path]:
    if not isinstance(node, dict):
        raise ValueError("a set of fields is made of objects")
    for element, below in node.items():
        if element != "." and element[:2] not in _ELEMENTS:
            raise ValueError(f"{element!r} is not an element of a path")
        if element == ".":
            yield path
        elif below:
            yield from _paths(below, (*path, element))
        else:
            yield (*path, element)


def written(path: Path) -> str:
    """A path as Kubernetes writes it: `.spec.template.spec.containers[name="app"].image`."""
    return "".join(_written_element(element) for element in path)


def _written_element(element: str) -> str:
    kind, text = element[0], element[2:]
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    if kind == "k":
        pairs = sorted(orjson.loads(text).items())
        return "[" + ",".join(f"{name}={orjson.dumps(value).decode()}" for name, value in pairs) + "]"
    return f"[{text}]"

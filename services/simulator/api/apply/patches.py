"""JSON patch (RFC 6902) on plain values, which changes none of its arguments.

Thirty `copy` operations of a JSON patch can double a value thirty times. Therefore the number of operations is
limited, as in a real API server, and so are copied values, moved list items, and the depth of the result.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from services.simulator.api import errors
from shared.reading import MAX_DEPTH

_MOST_OPERATIONS: Final = 10_000
"""The limit of a real API server."""
_MOST_COPIED: Final = 100_000
"""Values that all `copy` and `move` operations of a patch may duplicate."""
_MOST_SHIFTED: Final = 50_000_000
"""List items that insertions and removals may shift: some tens of milliseconds."""
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def json_patch(target: Any, operations: Any) -> Any:
    """`target` after a JSON patch.

    Raises ApiError: 400 for a malformed patch, 422 for one that can't be applied.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise errors.bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > _MOST_OPERATIONS:
        raise errors.too_many_operations(_MOST_OPERATIONS, len(operations))
    document = _Document(copy.deepcopy(target))
    for operation in operations:
        document.operate(operation)
    return document.root[0]


class _Document:
    """The patched document, as the only item of `root`, and the remaining budget of the patch."""

    def __init__(self, value: Any) -> None:
        self.root = [value]
        self._copied = 0
        self._shifted = 0

    def operate(self, operation: dict[str, Any]) -> None:
        """Apply one operation, in place."""
        name, path = operation.get("op"), operation.get("path")
        if name not in ("add", "remove", "replace", "move", "copy", "test") or not isinstance(path, str):
            raise errors.unpatchable(f"Unexpected kind: {name}")
        if name in ("add", "replace", "test") and "value" not in operation:
            raise errors.unpatchable(f'{name} operation does not apply: missing value for "{path}"')
        if name == "test":
            if self._read(path, name) != operation["value"]:
                raise errors.unpatchable(f"testing value {path} failed: test failed")
        elif name == "remove":
            self._remove(path, name)
        elif name == "replace":
            self._remove(path, name)
            self._add(path, operation["value"], name)
        elif name == "add":
            self._add(path, operation["value"], name)
        else:
            self._transfer(str(operation.get("from", "")), path, name)

    def _transfer(self, source: str, path: str, name: str) -> None:
        """Copy or move."""
        value = self._read(source, name)
        self._copied += _size(value)
        if self._copied > _MOST_COPIED:
            raise errors.unpatchable(f"Unable to complete the copy, more than {_MOST_COPIED} values were copied")
        value = copy.deepcopy(value)
        if name == "move":
            self._remove(source, name)
        self._add(path, value, name)

    def _container(self, path: str, operation: str) -> tuple[Any, Any]:
        """The container of the value at `path`, and its key or index there."""
        holder: Any = self.root
        key: Any = 0
        for part in _parts(path, operation):
            holder = _at(holder, key, path, operation)
            key = _index(holder, part, path, operation) if isinstance(holder, list) else part
        return holder, key

    def _read(self, path: str, operation: str) -> Any:
        holder, key = self._container(path, operation)
        return _at(holder, key, path, operation)

    def _remove(self, path: str, operation: str) -> None:
        holder, key = self._container(path, operation)
        _at(holder, key, path, operation)
        if holder is self.root:
            self.root[0] = None
            return
        if isinstance(holder, list):
            self._shift(len(holder) - key)
        del holder[key]

    def _add(self, path: str, value: Any, operation: str) -> None:
        if path.count("/") + _depth(value) > MAX_DEPTH:
            raise errors.unpatchable(f"{operation} operation does not apply: more than {MAX_DEPTH} levels")
        holder, key = self._container(path, operation)
        if holder is self.root:
            self.root[0] = value
        elif isinstance(holder, dict):
            holder[key] = value
        elif isinstance(holder, list) and key <= len(holder):
            self._shift(len(holder) - key)
            holder.insert(key, value)
        else:
            raise errors.unpatchable(
                f"{operation} operation does not apply: doc is missing path: {path}: missing value"
            )

    def _shift(self, items: int) -> None:
        self._shifted += items
        if self._shifted > _MOST_SHIFTED:
            raise errors.unpatchable("the patch inserts into lists, or removes from them, too often")


def _size(value: Any) -> int:
    """The number of values in a value, including itself."""
    count, pending = 0, [value]
    while pending:
        each = pending.pop()
        count += 1
        pending += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
    return count


def _depth(value: Any) -> int:
    """Levels of lists and objects in a value: 0 for a scalar."""
    depth, level = 0, [value]
    while containers := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [child for each in containers for child in (each.values() if isinstance(each, dict) else each)]
    return depth


def _parts(path: str, operation: str) -> list[str]:
    if path and not path.startswith("/"):
        raise errors.unpatchable(f"{operation} operation does not apply: doc is missing path: {path}: missing value")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _index(holder: list[Any], part: str, path: str, operation: str) -> int:
    if part == "-":
        return len(holder)
    if not _INDEX.fullmatch(part):
        raise errors.unpatchable(f"{operation} operation does not apply: invalid index in {path}: {part}")
    return int(part)


def _at(holder: Any, key: Any, path: str, operation: str) -> Any:
    # A scalar has no members; Python would return a letter of a text.
    if isinstance(holder, dict | list):
        try:
            return holder[key]
        except (KeyError, IndexError, TypeError):
            pass
    raise errors.unpatchable(f"{operation} operation does not apply: doc is missing path: {path}: missing value")

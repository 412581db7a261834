"""JSON patch (RFC 6902) and JSON merge patch (RFC 7396) on plain values. Neither changes its arguments."""

from __future__ import annotations

import copy
from typing import Any

from services.simulator.api import errors


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with the patch's members; a null removes, a list replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """`target` after the operations in their order.

    Raises ApiError: 400 for a malformed patch, 422 for one that can't be applied.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise errors.bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = [copy.deepcopy(target)]
    for operation in operations:
        _operate(document, operation)
    return document[0]


def _operate(document: list[Any], operation: dict[str, Any]) -> None:
    """Apply one operation to `document[0]`, in place."""
    name, path = operation.get("op"), operation.get("path")
    if name not in ("add", "remove", "replace", "move", "copy", "test") or not isinstance(path, str):
        raise errors.unpatchable(f"Unexpected kind: {name}")
    if name in ("add", "replace", "test") and "value" not in operation:
        raise errors.unpatchable(f'{name} operation does not apply: missing value for "{path}"')
    if name == "test":
        if _read(document, path, name) != operation["value"]:
            raise errors.unpatchable(f"testing value {path} failed: test failed")
    elif name == "remove":
        _remove(document, path, name)
    elif name == "replace":
        _remove(document, path, name)
        _add(document, path, operation["value"], name)
    elif name == "add":
        _add(document, path, operation["value"], name)
    else:
        source = str(operation.get("from", ""))
        value = copy.deepcopy(_read(document, source, name))
        if name == "move":
            _remove(document, source, name)
        _add(document, path, value, name)


def _parts(path: str, operation: str) -> list[str]:
    if path and not path.startswith("/"):
        raise errors.unpatchable(f"{operation} operation does not apply: doc is missing path: {path}: missing value")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _container(document: list[Any], path: str, operation: str) -> tuple[Any, Any]:
    """What holds the value at `path`, and the key or index of it there."""
    holder: Any = document
    key: Any = 0
    for part in _parts(path, operation):
        holder = _at(holder, key, path, operation)
        key = _index(holder, part, path, operation) if isinstance(holder, list) else part
    return holder, key


def _index(holder: list[Any], part: str, path: str, operation: str) -> int:
    if part == "-":
        return len(holder)
    if not part.isdigit():
        raise errors.unpatchable(f"{operation} operation does not apply: invalid index in {path}: {part}")
    return int(part)


def _at(holder: Any, key: Any, path: str, operation: str) -> Any:
    try:
        return holder[key]
    except (KeyError, IndexError, TypeError):
        message = f"{operation} operation does not apply: doc is missing path: {path}: missing value"
        raise errors.unpatchable(message) from None


def _read(document: list[Any], path: str, operation: str) -> Any:
    holder, key = _container(document, path, operation)
    return _at(holder, key, path, operation)


def _remove(document: list[Any], path: str, operation: str) -> None:
    holder, key = _container(document, path, operation)
    _at(holder, key, path, operation)
    if holder is document:
        document[0] = None
    else:
        del holder[key]


def _add(document: list[Any], path: str, value: Any, operation: str) -> None:
    holder, key = _container(document, path, operation)
    if holder is document:
        document[0] = value
    elif isinstance(holder, dict):
        holder[key] = value
    elif isinstance(holder, list) and key <= len(holder):
        holder.insert(key, value)
    else:
        raise errors.unpatchable(f"{operation} operation does not apply: doc is missing path: {path}: missing value")

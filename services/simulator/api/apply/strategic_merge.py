"""Strategic merge patch: a merge patch that merges Kubernetes' lists by their keys.

A list with a merge key is merged item by item, one of scalars with the strategy `merge` is a set, any other is
replaced. Directives inside the patch: `$patch: delete|replace`, `$retainKeys`, `$deleteFromPrimitiveList/<field>`,
`$setElementOrder/<field>`. kubectl's client-side apply, `edit`, `set`, `scale` and `rollout restart` all send it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from services.simulator.api import errors
from shared.kube.definitions import Schema

_PATCH: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_DELETE_PRIMITIVES: Final = "$deleteFromPrimitiveList/"
_ORDER: Final = "$setElementOrder/"


def strategic_merge(target: Any, patch: Any, schema: Schema | None) -> Any:
    """`target` after the patch; neither argument is changed. Raises ApiError 400 for a malformed directive."""
    if not isinstance(patch, dict):
        return patch
    present = target if isinstance(target, dict) else {}
    directive = patch.get(_PATCH)
    if directive == "replace":
        return _plain({name: value for name, value in patch.items() if name != _PATCH})
    if directive == "delete":
        return None
    if directive not in (None, "merge"):
        raise errors.bad_request(f"Unknown patch type found: {directive!s:.100}")
    merged = dict(present)
    if _RETAIN in patch:
        kept = _listed(patch, _RETAIN)
        names = {name for name in kept if isinstance(name, str)}
        merged = {name: value for name, value in merged.items() if name in names}
    for field in _directed(patch, _DELETE_PRIMITIVES):
        gone = _listed(patch, _DELETE_PRIMITIVES + field)
        unwanted = {_identity(item) for item in gone}
        present_items = merged.get(field) or []
        if not isinstance(present_items, list):
            raise errors.bad_request(f"expected a list for {field}, but received {present_items!r:.100}")
        merged[field] = [item for item in present_items if _identity(item) not in unwanted]
    orders = {field: _listed(patch, _ORDER + field) for field in _directed(patch, _ORDER)}
    for name, value in patch.items():
        if not name.startswith("$"):
            _merge_member(merged, name, value, _child(schema, name), orders.get(name))
    for field in orders.keys() - patch.keys():
        if isinstance(merged.get(field), list):
            merged[field] = _ordered(merged[field], orders[field], _child(schema, field))
    return merged


def _directed(patch: dict[str, Any], directive: str) -> list[str]:
    """The fields to which directives of this kind apply."""
    return [name.removeprefix(directive) for name in patch if name.startswith(directive)]


def _listed(patch: dict[str, Any], directive: str) -> list[Any]:
    value = patch[directive]
    if not isinstance(value, list):
        raise errors.bad_request(f"expected a list for {directive}, but received {value!r:.100}")
    return value


def _merge_member(merged: dict[str, Any], name: str, value: Any, schema: Schema | None, order: Any) -> None:
    """Merge one member of the patch into `merged`, in place."""
    if value is None:
        merged.pop(name, None)
        return
    if isinstance(value, list):
        present = merged.get(name)
        merged[name] = _merge_list(present if isinstance(present, list) else [], value, schema, order)
        return
    replaces = schema is not None and "replace" in schema.patch_strategies
    result = _plain(value) if replaces else strategic_merge(merged.get(name), value, schema)
    if result is None:
        merged.pop(name, None)
    else:
        merged[name] = result


def _merge_list(present: list[Any], patch: list[Any], schema: Schema | None, order: Any) -> list[Any]:
    if schema is None or schema.type != "list" or "merge" not in schema.patch_strategies:
        return [_plain(item) for item in patch]
    if schema.merge_key is None:
        there = {_identity(item) for item in present}
        members = present + [item for item in patch if _identity(item) not in there]
    elif any(isinstance(item, dict) and item.get(_PATCH) == "replace" for item in patch):
        members = [_plain(item) for item in patch if not isinstance(item, dict) or item.get(_PATCH) != "replace"]
    else:
        members = _merge_items(present, patch, schema, schema.merge_key)
    return _ordered(members, order, schema) if order is not None else members


def _merge_items(present: list[Any], patch: list[Any], schema: Schema, key: str) -> list[Any]:
    """Merge items by key, keeping their order; of several items with one key, the patch changes the first."""
    merged: list[Any] = list(present)
    positions: dict[str, list[int]] = {}
    for position, item in enumerate(present):
        if isinstance(item, dict):
            positions.setdefault(_identity(item.get(key)), []).append(position)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise errors.bad_request(f"map: {item!s:.100} does not contain declared merge key: {key}")
        name = _identity(item[key])
        if item.get(_PATCH) == "delete":
            for position in positions.pop(name, ()):
                merged[position] = None
        elif name in positions:
            first = positions[name][0]
            merged[first] = strategic_merge(merged[first], item, schema.element)
        else:
            positions[name] = [len(merged)]
            merged.append(strategic_merge({}, item, schema.element))
    return [item for item in merged if item is not None]


def _identity(value: Any) -> str:
    """A text that is the same for equal values; used as a key, because values may be unhashable."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _ordered(members: list[Any], order: list[Any], schema: Schema | None) -> list[Any]:
    """Members in the given order; a member that it doesn't contain stays after its predecessor."""
    key = schema.merge_key if schema is not None else None
    ranks: dict[str, int] = {}
    for number, entry in enumerate(order):
        ranks.setdefault(_identity(_named(entry, key)), number)
    ranked: list[tuple[int, int, Any]] = []
    rank = -1
    for position, member in enumerate(members):
        rank = ranks.get(_identity(_named(member, key)), rank)
        ranked.append((rank, position, member))
    return [member for _, _, member in sorted(ranked, key=lambda entry: entry[:2])]


def _named(entry: Any, key: str | None) -> Any:
    return entry.get(key) if key and isinstance(entry, dict) else entry


def _plain(value: Any) -> Any:
    """A value of the patch as a new value: without directives and nulls."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None and not k.startswith("$")}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _child(schema: Schema | None, name: str) -> Schema | None:
    if schema is None:
        return None
    return schema.fields.get(name) if schema.type == "struct" else schema.element if schema.type == "map" else None

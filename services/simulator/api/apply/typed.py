"""Operations on values by their schema: the fields of a value, the difference of two values, and their merge. Pure.

There are three kinds of list. An atomic list is one field. The items of an associative list (`map`) have key fields
and are merged one by one. The members of a `set` are their own keys. Structs and maps are merged by field unless the
schema declares them atomic. A field that the schema doesn't contain is treated as atomic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.simulator.api.apply.field_sets import FieldSet, Path, field, keyed, valued, written
from shared.kube.definitions import Schema


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """The fields in which a new value differs from an old one."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet


class TypedError(ValueError):
    """A value that violates its schema; the message is that of structured-merge-diff, one line for each fault."""


def child_schema(schema: Schema | None, name: str) -> Schema | None:
    """The schema of a struct's field or a map's value; None if it has none."""
    if schema is None:
        return None
    return schema.fields.get(name) if schema.type == "struct" else schema.element if schema.type == "map" else None


def _is_leaf(schema: Schema | None, value: Any) -> bool:
    return schema is None or schema.is_atomic or not isinstance(value, (dict, list))


def item_element(schema: Schema, item: Any) -> str:
    """The path element of an item of an associative list or a set. Raises KeyError if a key field is missing."""
    return keyed(schema.item_key(item)) if schema.list_type == "map" else valued(item)


def children(schema: Schema, value: Any) -> Iterator[tuple[str, Schema | None, Any]]:
    """(path element, schema, value) of each direct child of a granular value."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield field(name), child_schema(schema, name), child
    else:
        for index, item in enumerate(value):
            try:
                element = item_element(schema, item)
            except KeyError:  # an item that was stored without its key is named by its index
                element = f"i:{index}"
            yield element, schema.element, item


def _is_member_above_children(parent: Schema, element: str) -> bool:
    """Whether a child is a field besides its contents: items of lists and keys of maps are, fields of structs no."""
    return element[0] != "f" or parent.type == "map"


def field_set(value: Any, schema: Schema | None, path: Path = ()) -> FieldSet:
    """The fields of a value: those that a manager owns after applying it."""
    found: set[Path] = set()
    _collect(value, schema, path, found)
    return frozenset(found)


def _collect(value: Any, schema: Schema | None, path: Path, found: set[Path]) -> None:
    if schema is None or _is_leaf(schema, value):
        found.add(path)
        return
    if not value and isinstance(value, dict):
        found.add(path)
    for element, below, child in children(schema, value):
        if _is_member_above_children(schema, element):
            found.add((*path, element))
        _collect(child, below, (*path, element), found)


def compare(old: Any, new: Any, schema: Schema) -> FieldComparison:
    """The added, modified and removed fields between two values of one type."""
    added: set[Path] = set()
    modified: set[Path] = set()
    removed: set[Path] = set()

    def walk(before: Any, after: Any, below: Schema | None, path: Path) -> None:
        if before is after:
            return
        if below is None or _is_leaf(below, before) or _is_leaf(below, after):
            if before != after:
                modified.add(path)
            return
        befores = {element: (sub, child) for element, sub, child in children(below, before)}
        afters = {element: (sub, child) for element, sub, child in children(below, after)}
        for element, (sub, child) in afters.items():
            if element in befores:
                walk(befores[element][1], child, sub, (*path, element))
            else:
                added.update(_appeared(child, sub, (*path, element)))
        for element, (sub, child) in befores.items():
            if element not in afters:
                removed.update(_everything(child, sub, (*path, element)))

    walk(old, new, schema, ())
    return FieldComparison(frozenset(added), frozenset(modified), frozenset(removed))


def _appeared(value: Any, schema: Schema | None, path: Path) -> FieldSet:
    """The fields of a new value: those of an apply, and the maps and items that contain them."""
    found: set[Path] = set()
    if not _is_plain_struct(schema, path):
        found.add(path)
    _collect(value, schema, path, found)
    return frozenset(found | {outer for leaf in found for outer in _maps_above(leaf, path, schema)})


def _is_plain_struct(schema: Schema | None, path: Path) -> bool:
    return schema is not None and schema.type in ("struct", "list") and path[-1][0] == "f"


def _maps_above(leaf: Path, path: Path, schema: Schema | None) -> Iterator[Path]:
    """The paths between `path` and `leaf` that are maps."""
    below = schema
    for depth in range(len(path), len(leaf)):
        if below is None:
            return
        if below.type == "map":
            yield leaf[:depth]
        element = leaf[depth]
        below = child_schema(below, element[2:]) if element[0] == "f" else below.element


def _everything(value: Any, schema: Schema | None, path: Path) -> FieldSet:
    """All paths in a removed value, including structs; none of them can have an owner any more."""
    found = {path}
    if schema is not None and not _is_leaf(schema, value):
        for element, below, child in children(schema, value):
            found |= _everything(child, below, (*path, element))
    return frozenset(found)


def merge(old: Any, applied: Any, schema: Schema | None) -> Any:
    """`old` with the fields of `applied`; the other fields of `old` stay."""
    if schema is None or _is_leaf(schema, old) or _is_leaf(schema, applied):
        return applied
    if isinstance(applied, dict):
        merged = dict(old)
        for name, value in applied.items():
            merged[name] = merge(old[name], value, child_schema(schema, name)) if name in old else value
        return merged
    return _merge_items(old, applied, schema)


def _merge_items(old: list[Any], applied: list[Any], schema: Schema) -> list[Any]:
    """Applied items in their order; an item that only `old` has stays after its predecessor."""
    olds = {element: item for element, _, item in children(schema, old)}
    applieds = {element: item for element, _, item in children(schema, applied)}
    followers: dict[str, list[Any]] = {}
    anchor = ""
    for element, item in olds.items():
        if element in applieds:
            anchor = element
        else:
            followers.setdefault(anchor, []).append(item)
    merged = followers.get("", [])
    for element, item in applieds.items():
        merged.append(merge(olds[element], item, schema.element) if element in olds else item)
        merged.extend(followers.get(element, ()))
    return merged


def remove(value: Any, schema: Schema | None, fields: FieldSet) -> Any:
    """`value` without these fields; None if nothing remains."""
    if not fields or schema is None or _is_leaf(schema, value) or not value:
        return value
    below_element: defaultdict[str, set[Path]] = defaultdict(set)
    for path in fields:
        below_element[path[0]].add(path[1:])
    kept = []
    for (element, below, child), key in zip(children(schema, value), value, strict=True):
        inner = below_element.get(element, set())
        if () in inner:
            continue
        rest = remove(child, below, frozenset(inner))
        if rest is not None:
            kept.append((key, rest))
    if not kept:
        return None
    return dict(kept) if isinstance(value, dict) else [item for _, item in kept]


def with_named_parents(fields: FieldSet, schema: Schema) -> FieldSet:
    """The set with every struct field above its members added to it."""
    found = set(fields)
    for path in fields:
        found.update(_named_prefixes(path, schema))
    return frozenset(found)


def _named_prefixes(path: Path, schema: Schema) -> Iterator[Path]:
    below: Schema | None = schema
    for depth, element in enumerate(path[:-1], start=1):
        if below is None:
            return
        if element[0] == "f":
            if below.type == "struct":
                yield path[:depth]
            below = child_schema(below, element[2:])
        else:
            below = below.element if below.type == "list" else None


def check(value: Any, schema: Schema) -> None:
    """Refuse a value with unknown fields, wrong types, items without their key, or duplicate items.

    Raises TypedError with one line for each fault.
    """
    faults = list(_faults(value, schema, ""))
    if faults:
        raise TypedError(faults[0] if len(faults) == 1 else "errors:\n" + "\n".join(f"  {fault}" for fault in faults))


def _faults(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if value is None or schema.type == "any":
        return
    wanted = _wrong_type(value, schema)
    if wanted:
        yield f"{path}: expected {wanted}, got {_found(value)}"
    elif schema.type == "struct":
        for name, child in value.items():
            if name not in schema.fields:
                yield f"{path}.{name}: field not declared in schema"
            else:
                yield from _faults(child, schema.fields[name], f"{path}.{name}")
    elif schema.type == "map":
        for name, child in value.items():
            yield from _faults(child, schema.element, f"{path}.{name}")
    elif schema.type == "list":
        yield from _list_faults(value, schema, path)


def _list_faults(value: list[Any], schema: Schema, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(value):
        if schema.list_type == "map":
            missing = [key for key in schema.list_keys if not isinstance(item, dict) or key not in item]
            try:
                element = item_element(schema, item)
            except (KeyError, TypeError):
                yield (
                    f"{path}: element {index}: associative list with keys has an element that omits key field"
                    f' "{missing[0] if missing else schema.list_keys[0]}" (and doesn\'t have default value)'
                )
                continue
        elif schema.list_type == "set":
            element = valued(item)
        else:
            element = f"i:{index}"
        if element in seen:
            yield f"{path}: duplicate entries for key {written((element,))}"
        seen.add(element)
        yield from _faults(item, schema.element, f"{path}{written((element,))}")


def _wrong_type(value: Any, schema: Schema) -> str | None:
    if schema.type in ("struct", "map"):
        return None if isinstance(value, dict) else "map"
    if schema.type == "list":
        return None if isinstance(value, list) else "list"
    if schema.type in ("string", "time"):
        return None if isinstance(value, str) else "string"
    if schema.type == "boolean":
        return None if isinstance(value, bool) else "boolean"
    if schema.type in ("integer", "number"):
        return None if isinstance(value, (int, float)) and not isinstance(value, bool) else "numeric (int or float)"
    return None if isinstance(value, (str, int, float)) and not isinstance(value, bool) else "string"


def _found(value: Any) -> str:
    return {str: "string", bool: "boolean", int: "int", float: "float", list: "list", dict: "map"}[type(value)]

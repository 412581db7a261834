"""Decoding an object as the API server decodes it: typed, strict, with its sentences.

A real API server decodes into Go structs. Three things follow, and all three are visible to a client, so they are
here: a value of the wrong type is refused at once (`json: cannot unmarshal string into Go struct field
DeploymentSpec.spec.replicas of type int32`); an unknown field is dropped and, under strict validation, reported
(`unknown field "spec.replica"`); and what is stored is the normal form (nulls gone, quantities canonical: `0.5` cpu
becomes `500m`).

Each schema is compiled once into closures: checking a Deployment takes tens of microseconds. Rules that need more
than the type (port ranges, selectors that match nothing) are in `semantics`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.kube import quantities, texts
from shared.kube.definitions import Schema

# A position in the object: (parent position, name), or None at the top. Joined only when an error is reported.
FieldPosition = tuple[Any, str] | None
Decoder = Callable[[Any, FieldPosition, list[str]], Any]

_GO_SCALARS: Final = {"string": "string", "boolean": "bool", "number": "float64"}


class DecodeError(ValueError):
    """A value of another type; the message is the API server's, `path` is the field (`spec.ports[0].port`)."""

    def __init__(self, message: str, position: FieldPosition = None) -> None:
        super().__init__(message)
        self.path = _join(position)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The normal form of an object, and the full names of the fields that its type doesn't have."""

    value: dict[str, Any]
    unknown: tuple[str, ...]

    def strict_errors(self) -> list[str]:
        """What strict validation reports, one entry a field: `unknown field "spec.replica"`."""
        return [f'unknown field "{name}"' for name in self.unknown]


def decode(value: Mapping[str, Any], schema: Schema) -> Decoded:
    """Check `value` against its type and return the normal form; the argument is not changed.

    Raises DecodeError at the first value of a wrong type.
    """
    unknown: list[str] = []
    return Decoded(_decoder(schema)(value, None, unknown), tuple(unknown))


def missing_required(value: Any, schema: Schema) -> Iterator[str]:
    """The paths of fields that the type requires and `value` lacks, such as `spec.template.spec.containers[0].name`."""
    found: list[FieldPosition] = []
    _find_missing(value, schema, None, found)
    return map(_join, found)


def _find_missing(value: Any, schema: Schema, position: FieldPosition, found: list[FieldPosition]) -> None:
    if schema.type == "struct" and isinstance(value, dict):
        if not schema.required <= value.keys():
            found.extend((position, name) for name in sorted(schema.required - value.keys()))
        for name, child in value.items():
            if isinstance(child, (dict, list)) and (field := schema.fields.get(name)) is not None:
                _find_missing(child, field, (position, name), found)
    elif schema.type == "list" and isinstance(value, list) and schema.element.type in ("struct", "list"):
        parent, name = position or (None, "")
        for index, child in enumerate(value):
            _find_missing(child, schema.element, (parent, f"{name}[{index}]"), found)


def duplicate_fields(pairs_document: Any, position: FieldPosition = None) -> Iterator[str]:
    """Full names of keys that occur twice in an object; each object is given as a tuple of (key, value) pairs.

    Names are joined for what is reported alone: a key may have a megabyte, and a hundred thousand keys below it.
    """
    if isinstance(pairs_document, tuple):
        seen: set[str] = set()
        for key, value in pairs_document:
            if key in seen:
                yield _join((position, key))
            seen.add(key)
            yield from duplicate_fields(value, (position, key))
    elif isinstance(pairs_document, list):
        parent, name = position or (None, "")
        for index, value in enumerate(pairs_document):
            if isinstance(value, tuple | list):
                yield from duplicate_fields(value, (parent, f"{name}[{index}]"))


@functools.cache
def _decoder(schema: Schema) -> Decoder:
    """The compiled decoder of a schema; children are compiled on first use, because types refer to themselves."""
    if schema.type == "struct":
        return _struct_decoder(schema)
    if schema.type == "map":
        return _map_decoder(schema)
    if schema.type == "list":
        return _list_decoder(schema)
    return _scalar_decoder(schema)


def _struct_decoder(schema: Schema) -> Decoder:
    decoders: dict[str, Decoder] = {}

    def decode_struct(value: Any, path: FieldPosition, unknown: list[str]) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(value, path, _go_type(schema))
        result = {}
        for name, child in value.items():
            decoder = decoders.get(name)
            if decoder is None:
                if name not in schema.fields:
                    unknown.append(_join((path, name)))
                    continue
                decoder = decoders[name] = _field_decoder(schema, schema.fields[name])
            if child is not None:
                result[name] = decoder(child, (path, name), unknown)
        return result

    return decode_struct


def _field_decoder(owner: Schema, field: Schema) -> Decoder:
    """Go's message names the struct that has the field; only here both are known."""
    inner = _decoder(field)
    struct = owner.name.rsplit(".", 1)[-1]

    def decode_field(value: Any, path: FieldPosition, unknown: list[str]) -> Any:
        try:
            return inner(value, path, unknown)
        except _Mismatch as error:
            raise DecodeError(error.sentence(struct), error.path) from None

    return decode_field


def _map_decoder(schema: Schema) -> Decoder:
    element = _decoder(schema.element)

    def decode_map(value: Any, path: FieldPosition, unknown: list[str]) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(value, path, _go_type(schema))
        return {name: element(child, path, unknown) for name, child in value.items() if child is not None}

    return decode_map


def _list_decoder(schema: Schema) -> Decoder:
    element: list[Decoder] = []

    def decode_list(value: Any, path: FieldPosition, unknown: list[str]) -> Any:
        if not isinstance(value, list):
            raise _mismatch(value, path, _go_type(schema))
        if not element:
            element.append(_decoder(schema.element))
        decode_item = element[0]
        parent, name = path or (None, "")
        return [decode_item(item, (parent, f"{name}[{index}]"), unknown) for index, item in enumerate(value)]

    return decode_list


def _scalar_decoder(schema: Schema) -> Decoder:
    check = _SCALAR_CHECKS.get((schema.type, schema.format)) or _SCALAR_CHECKS.get((schema.type, ""))
    go_type = _go_type(schema)

    def decode_scalar(value: Any, path: FieldPosition, unknown: list[str]) -> Any:
        if check is not None and not check(value):
            raise _mismatch(value, path, go_type)
        return value

    if (schema.type, schema.format) == ("string", "byte"):
        return _decode_bytes
    special = {"quantity": _decode_quantity, "time": _decode_time, "any": lambda value, path, unknown: value}
    return special.get(schema.type, decode_scalar)


def _is_int(value: Any, bits: int = 64) -> bool:
    limit = 1 << bits - 1
    return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


_SCALAR_CHECKS: Final[Mapping[tuple[str, str], Callable[[Any], bool]]] = {
    ("string", ""): lambda value: isinstance(value, str),
    ("boolean", ""): lambda value: isinstance(value, bool),
    ("integer", ""): _is_int,
    ("integer", "int32"): functools.partial(_is_int, bits=32),
    ("number", ""): lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    ("int-or-string", ""): lambda value: isinstance(value, str) or _is_int(value, bits=32),
}
"""By type and format."""


def _decode_bytes(value: Any, path: FieldPosition, unknown: list[str]) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, path, "[]uint8")
    fault = texts.base64_fault(value)
    if fault is not None:
        raise DecodeError(fault, path)
    return value


def _decode_quantity(value: Any, path: FieldPosition, unknown: list[str]) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise _mismatch(value, path, "resource.Quantity")
    try:
        return quantities.canonical(value)
    except ValueError as error:
        raise DecodeError(str(error), path) from error


def _decode_time(value: Any, path: FieldPosition, unknown: list[str]) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, path, "v1.Time")
    fault = texts.time_fault(value)
    if fault is not None:
        raise DecodeError(fault, path)
    return value


class _Mismatch(Exception):
    """A value of a wrong type, before it is known which struct it is a field of."""

    def __init__(self, found: str, path: FieldPosition, go_type: str) -> None:
        super().__init__(found)
        self.found, self.path, self.go_type = found, path, go_type

    def sentence(self, struct: str) -> str:
        field = re.sub(r"\[\d+\]", "", _join(self.path))
        return f"json: cannot unmarshal {self.found} into Go struct field {struct}.{field} of type {self.go_type}"


def _mismatch(value: Any, path: FieldPosition, go_type: str) -> Exception:
    found = f"number {value}" if type(value) is int and go_type.startswith("int") else _json_type(value)
    if path is None:
        return DecodeError(f"json: cannot unmarshal {found} into Go value of type {go_type}")
    return _Mismatch(found, path, go_type)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, float):
        return f"number {value!r}"
    if isinstance(value, int):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "null"


def _go_type(schema: Schema) -> str:
    if schema.type == "integer":
        return schema.format or "int64"
    if schema.type == "list":
        return f"[]{_go_type(schema.element)}"
    if schema.type == "map":
        return f"map[string]{_go_type(schema.element)}"
    if schema.type == "int-or-string":
        return "intstr.IntOrString"
    if schema.type == "quantity":
        return "resource.Quantity"
    short = ".".join(schema.name.rsplit(".", 2)[-2:])
    return _GO_SCALARS.get(schema.type, short)


def _join(path: FieldPosition) -> str:
    parts: list[str] = []
    while path is not None:
        path, name = path
        parts.append(name)
    return ".".join(reversed(parts))

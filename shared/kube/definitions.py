"""The Kubernetes API's types as schemas that code can walk: fields, list keys, patch strategies.

The source is the `_definitions.json` that kubernetes-validate ships for each Kubernetes version (Kubernetes' own
OpenAPI, as JSON Schema). It is loaded once, on first use, and resolved lazily: a schema node looks up its
references when it is first walked, so that a process which handles Deployments never pays for the other six hundred
types.

What OpenAPI lacks, and this module adds: the default that completes a list-map key (`protocol` is TCP),
without which two spellings of one port would be two list entries.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import orjson

DEFAULT_VERSION: Final = "1.33.0"

SchemaType = Literal[
    "struct", "map", "list", "string", "integer", "number", "boolean", "quantity", "int-or-string", "time", "any"
]

_SPECIAL: Final[Mapping[str, SchemaType]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
}
_REF_PREFIX: Final = "#/$defs/"
_KEY_DEFAULTS: Final[Mapping[str, Any]] = {"protocol": "TCP"}


class Schema:
    """One type of the API, or one field with what the field adds to its type (list keys, patch strategy).

    `fields` is filled for a struct, `element` for a map (its values) and a list (its items).
    """

    def __init__(self, definitions: Definitions, raw: Mapping[str, Any], name: str) -> None:
        self._definitions = definitions
        self.raw = raw
        self.name = name
        self.type: SchemaType = _type_of(raw, name)

    def __repr__(self) -> str:
        return f"Schema({self.name or self.type})"

    @functools.cached_property
    def fields(self) -> Mapping[str, Schema]:
        return {name: self._definitions.resolve(raw) for name, raw in self.raw.get("properties", {}).items()}

    @functools.cached_property
    def element(self) -> Schema:
        """The schema of a map's values or of a list's items. Raises KeyError for other types."""
        return self._definitions.resolve(self.raw["items" if self.type == "list" else "additionalProperties"])

    @functools.cached_property
    def list_type(self) -> str:
        """`atomic`, `set` or `map`; the default is atomic, as in server-side apply."""
        return str(self.raw.get("x-kubernetes-list-type", "atomic"))

    @functools.cached_property
    def list_keys(self) -> tuple[str, ...]:
        return tuple(self.raw.get("x-kubernetes-list-map-keys", ()))

    @functools.cached_property
    def is_atomic(self) -> bool:
        """True where server-side apply owns the value as a whole."""
        if self.type == "list":
            return self.list_type == "atomic"
        return self.type not in ("struct", "map") or self.raw.get("x-kubernetes-map-type") == "atomic"

    @functools.cached_property
    def merge_key(self) -> str | None:
        """The key by which a strategic merge patch merges this list, None where it replaces the list."""
        return self.raw.get("x-kubernetes-patch-merge-key") if "merge" in self.patch_strategies else None

    @functools.cached_property
    def patch_strategies(self) -> frozenset[str]:
        return frozenset(filter(None, str(self.raw.get("x-kubernetes-patch-strategy", "")).split(",")))

    @functools.cached_property
    def required(self) -> frozenset[str]:
        return frozenset(self.raw.get("required", ()))

    @property
    def format(self) -> str:
        return str(self.raw.get("format", ""))

    def item_key(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The key fields of an item of an associative list, completed by defaults. Raises KeyError."""
        return {key: item[key] if key in item else _KEY_DEFAULTS[key] for key in self.list_keys}


class Definitions:
    """Every type of one Kubernetes version."""

    def __init__(self, raw: Mapping[str, Mapping[str, Any]]) -> None:
        self.raw = raw
        self._schemas: dict[str, Schema] = {}
        self._kinds = {gvk: name for name, gvk in _single_kinds(raw)}

    def schema(self, name: str) -> Schema:
        """The type with this full name, such as `io.k8s.api.core.v1.Pod`. Raises KeyError for an unknown one."""
        if name not in self._schemas:
            self._schemas[name] = Schema(self, self.raw[name], name)
        return self._schemas[name]

    def for_kind(self, group: str, version: str, kind: str) -> Schema | None:
        """The type of a kind (`group` is empty for the core group), None where this version has no such kind."""
        name = self._kinds.get((group, version, kind))
        return None if name is None else self.schema(name)

    def kinds(self) -> Iterator[tuple[str, str, str]]:
        """Every (group, version, kind) there is."""
        return iter(self._kinds)

    def resolve(self, raw: Mapping[str, Any]) -> Schema:
        """The schema of a field: a shared node for a plain reference, its own node where the field adds something."""
        reference = raw.get("$ref")
        if reference is None:
            return Schema(self, raw, "")
        name = reference.removeprefix(_REF_PREFIX)
        added = {key: value for key, value in raw.items() if key.startswith("x-kubernetes-")}
        return Schema(self, {**self.raw[name], **added}, name) if added else self.schema(name)


@functools.lru_cache(maxsize=4)
def definitions(version: str = DEFAULT_VERSION) -> Definitions:
    """The definitions of a Kubernetes version such as `1.33.0`, loaded once. Raises FileNotFoundError."""
    folder = _package("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}-local"
    return Definitions(orjson.loads((folder / "_definitions.json").read_bytes())["$defs"])


def _package(name: str) -> Path:
    """The folder of a package of which only the data is used: its import takes a twentieth of a service's start."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} isn't installed")
    return Path(spec.submodule_search_locations[0])


def _single_kinds(raw: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Types that are one kind; those that every group repeats (DeleteOptions, WatchEvent) are left out."""
    for name, schema in raw.items():
        gvks = schema.get("x-kubernetes-group-version-kind", ())
        if len(gvks) == 1:
            yield name, (gvks[0]["group"], gvks[0]["version"], gvks[0]["kind"])


def _type_of(raw: Mapping[str, Any], name: str) -> SchemaType:
    if name in _SPECIAL:
        return _SPECIAL[name]
    declared = raw.get("type", "any")
    kind = declared[0] if isinstance(declared, list) else declared
    if kind == "object":
        return "struct" if raw.get("properties") else "map" if "additionalProperties" in raw else "any"
    if kind == "array":
        return "list"
    return kind if kind in ("string", "integer", "number", "boolean") else "any"

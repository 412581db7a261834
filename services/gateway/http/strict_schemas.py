"""Closes the schemas of request bodies in an OpenAPI document, as `unknown_fields` closes the bodies. Pure.

The models are open, because events share them, so their schemas are, too. A schema that answers use as well is copied:
clients must go on accepting new fields in answers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_SCHEMAS = "#/components/schemas/"
_OF_BODIES = "Input"
"""The end of a copy's name."""


def close_request_schemas(document: dict[str, Any]) -> None:
    """Give every object in a request body `additionalProperties: false`, unless it allows them."""
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    operations = list(_operations(document))
    bodies = [each["requestBody"] for each in operations if "requestBody" in each]
    others = [value for each in operations for name, value in each.items() if name != "requestBody"]
    asked, answered = _reached(bodies, schemas), _reached(others, schemas)
    names = {name: f"{name}{_OF_BODIES}" if name in answered else name for name in asked}
    closed = {names[name]: _closed(_renamed(schemas[name], names)) for name in asked}
    schemas.update(closed)
    for body in bodies:
        body.update(_closed_content(_renamed(body, names)))


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document.get("paths", {}).values():
        yield from (each for each in item.values() if isinstance(each, dict))


def _reached(nodes: Iterable[Any], schemas: Mapping[str, Any]) -> dict[str, None]:
    """The names of the schemas that `nodes` refer to, directly or through others, in order."""
    found: dict[str, None] = {}
    waiting = [name for node in nodes for name in _references(node)]
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas:
            found[name] = None
            waiting.extend(_references(schemas[name]))
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str) and target.startswith(_SCHEMAS):
            yield target.removeprefix(_SCHEMAS)
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """A copy whose references lead to the new names."""
    if isinstance(node, list):
        return [_renamed(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    copy = {name: _renamed(each, names) for name, each in node.items()}
    target = node.get("$ref")
    if isinstance(target, str) and (name := target.removeprefix(_SCHEMAS)) in names:
        copy["$ref"] = _SCHEMAS + names[name]
    return copy


def _closed_content(body: dict[str, Any]) -> dict[str, Any]:
    content = {kind: {**each, "schema": _closed(each.get("schema", {}))} for kind, each in body["content"].items()}
    return {**body, "content": content}


def _closed(schema: Any) -> Any:
    """A schema, and those inside it, without further properties. Examples and defaults stay as they are."""
    if not isinstance(schema, dict):
        return schema
    copy = dict(schema)
    for name in ("properties", "patternProperties"):
        if name in copy:
            copy[name] = {key: _closed(each) for key, each in copy[name].items()}
            copy.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties"):
        if name in copy:
            copy[name] = _closed(copy[name])
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if name in copy:
            copy[name] = [_closed(each) for each in copy[name]]
    return copy

"""The schema of a merge patch (RFC 7396), made from that of the fields which it changes. Pure.

The model of a patch takes any object, because the check comes after the merge. The document is as strict as that check:
the fields of a patch's objects are those of a change, none is required, and each may be null.
"""

from typing import Any

_SCHEMAS = "#/components/schemas/"
_NULL = {"type": "null"}
_NOT_IN_A_PATCH = frozenset({"required", "minProperties", "default"})
"""What holds for the whole only. An absent field stays as it is, whatever its default is."""


def describe_patch(schemas: dict[str, Any], patch: str, change: str) -> None:
    """Give the open objects in the model `patch` the fields that they have in the model `change`."""
    fields = schemas[change]["properties"]
    for name, field in schemas[patch]["properties"].items():
        if any(each.get("additionalProperties") is True for each in field.get("anyOf", ())):
            field["anyOf"] = [_patch_of(each, schemas) for each in fields[name]["anyOf"]]


def _patch_of(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of what may be sent to change a value: only objects merge, everything else replaces."""
    if "$ref" in schema:
        return _reference(schema["$ref"].removeprefix(_SCHEMAS), schemas)
    patched = {name: value for name, value in schema.items() if name not in _NOT_IN_A_PATCH}
    if "anyOf" in patched:
        patched["anyOf"] = [_patch_of(each, schemas) for each in patched["anyOf"]]
    for name in ("properties", "patternProperties"):
        if name in patched:
            patched[name] = {key: _or_null(_patch_of(each, schemas)) for key, each in patched[name].items()}
    if isinstance(patched.get("additionalProperties"), dict):
        patched["additionalProperties"] = _or_null(_patch_of(patched["additionalProperties"], schemas))
    return patched


def _reference(name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the patch of a model, which is made at the first one."""
    own = f"{schemas[name]['title']}Patch"
    if own not in schemas:
        schemas[own] = {}
        schemas[own] = {**_patch_of(schemas[name], schemas), "title": own}
    return {"$ref": f"{_SCHEMAS}{own}"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    alternatives = schema.get("anyOf", [schema])
    if _NULL in alternatives:
        return schema
    texts = {name: value for name, value in schema.items() if name in ("title", "description")}
    return {**texts, "anyOf": [*alternatives, _NULL]}

"""OpenAPI v3 of the Kubernetes API: an index and a document for each group version, built at the first request.

kubectl uses them for `explain`, for the merge keys of client-side apply, and to find out whether the server supports
field validation and dry runs: it searches for the parameters `fieldValidation` and `dryRun` of the kind's PATCH.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from services.simulator.api import errors
from services.simulator.resources import Resource, groups
from shared.kube.definitions import DEFAULT_VERSION, definitions
from shared.kube.objects import Obj

_REF: Final = "#/$defs/"
_NEW_REF: Final = "#/components/schemas/"
_METHODS: Final = {"create": "post", "update": "put", "patch": "patch", "delete": "delete", "get": "get", "list": "get"}
_ACTIONS: Final = {
    "create": "post",
    "update": "put",
    "patch": "patch",
    "delete": "delete",
    "get": "get",
    "list": "list",
}
_ITEM_VERBS: Final = ("get", "update", "patch", "delete")
_WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")
_STATUS: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
_DELETE_OPTIONS: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_PATCHES: Final = ("merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")


def index(prefix: str) -> Obj:
    """`/openapi/v3`; `prefix` is the path of the cluster, empty for the default one."""
    paths = {}
    for path in _documents():
        digest = hashlib.sha256(document(path)).hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"{prefix}/openapi/v3/{path}?hash={digest}"}
    return {"paths": paths}


def _documents() -> dict[str, tuple[Resource, ...]]:
    found = {}
    for members in groups().values():
        stored = tuple(member for member in members if not member.computed)
        if stored:
            found[_root(stored[0])] = stored
    return found


def _root(resource: Resource) -> str:
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


@functools.cache
def document(path: str) -> bytes:
    """The encoded document of `api/v1` or `apis/<group>/<version>`. Raises ApiError 404 for another path."""
    members = _documents().get(path)
    if members is None:
        raise errors.unknown_path()
    paths: dict[str, Obj] = {}
    for resource in members:
        paths.update(_paths(resource))
    roots = [name for resource in members for name in (_definition_name(resource), _list_name(resource))]
    names = sorted(_reachable([*roots, _STATUS, _DELETE_OPTIONS]))
    schemas = {name: _converted(definitions().raw[name]) for name in names}
    info = {"title": "Kubernetes", "version": f"v{DEFAULT_VERSION}"}
    return orjson.dumps({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})


def _definition_name(resource: Resource) -> str:
    schema = definitions().for_kind(resource.group, resource.version, resource.kind)
    if schema is None:
        raise LookupError(f"the definitions have no {resource.api_version} {resource.kind}")
    return schema.name


def _list_name(resource: Resource) -> str:
    """The name of the definition of the kind's list."""
    return f"{_definition_name(resource)}List"


def _paths(resource: Resource) -> Iterator[tuple[str, Obj]]:
    base = f"/{_root(resource)}" + ("/namespaces/{namespace}" if resource.namespaced else "") + f"/{resource.plural}"
    collection = [verb for verb in resource.verbs if verb in ("create", "list")]
    yield base, _described(resource, collection, ["namespace"] if resource.namespaced else [])
    items = [verb for verb in resource.verbs if verb in _ITEM_VERBS]
    yield f"{base}/{{name}}", _described(resource, items, ["name", *(["namespace"] if resource.namespaced else [])])


def _described(resource: Resource, verbs: list[str], names: list[str]) -> Obj:
    """The operations of one path, and the path parameters that they share."""
    described: Obj = {_METHODS[verb]: _operation(resource, verb) for verb in verbs}
    if names:
        described["parameters"] = [_parameter(name, "path") for name in names]
    return described


def _parameter(name: str, place: str) -> Obj:
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, **required, "schema": {"type": "string"}}


def _operation(resource: Resource, verb: str) -> Obj:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    scope = "Namespaced" if resource.namespaced else ""
    group = resource.group.split(".")[0].capitalize() or "Core"
    names = _WRITE_PARAMETERS if verb in ("create", "update", "patch") else ("dryRun",) if verb == "delete" else ()
    return {
        "operationId": f"{verb}{group}{resource.version.capitalize()}{scope}{resource.kind}",
        "parameters": [_parameter(name, "query") for name in names],
        **_request_body(resource, verb),
        "responses": _responses(resource, verb),
        "x-kubernetes-action": _ACTIONS[verb],
        "x-kubernetes-group-version-kind": kind,
    }


def _request_body(resource: Resource, verb: str) -> Obj:
    """The request body of a verb: an object, options, or a patch; a JSON patch is a list, any other an object."""
    if verb in ("create", "update"):
        return {"requestBody": {"required": True, "content": _json(_definition_name(resource))}}
    if verb == "delete":
        return {"requestBody": {"content": _json(_DELETE_OPTIONS)}}
    if verb != "patch":
        return {}
    content: Obj = {f"application/{name}": {"schema": {"type": "object"}} for name in _PATCHES}
    steps = {"type": "array", "items": {"type": "object"}}
    return {"requestBody": {"required": True, "content": {**content, "application/json-patch+json": {"schema": steps}}}}


def _responses(resource: Resource, verb: str) -> Obj:
    """The responses: the object or the list; a Status for a complete deletion and for every failure."""
    name = _list_name(resource) if verb == "list" else _definition_name(resource)
    success = {"description": "OK", "content": _json(name)}
    if verb == "delete":
        schemas = [{"$ref": f"{_NEW_REF}{each}"} for each in (_STATUS, name)]
        success = {"description": "OK", "content": {"application/json": {"schema": {"anyOf": schemas}}}}
    codes = {"create": ("201",), "update": ("200", "201"), "patch": ("200", "201"), "delete": ("200", "202")}
    failure = {"description": "A Status that explains the failure", "content": _json(_STATUS)}
    return {**dict.fromkeys(codes.get(verb, ("200",)), success), "default": failure}


def _json(definition: str) -> Obj:
    return {"application/json": {"schema": {"$ref": f"{_NEW_REF}{definition}"}}}


def _reachable(names: list[str]) -> set[str]:
    """The named definitions and all definitions that they refer to."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(definitions().raw[name]))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_REF)
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def _converted(schema: Any) -> Any:
    """JSON Schema as OpenAPI 3.0: `[type, null]` becomes the type, and references with a description are wrapped."""
    if isinstance(schema, list):
        return [_converted(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        reference = {"$ref": schema["$ref"].replace(_REF, _NEW_REF)}
        return {**rest, "allOf": [reference]} if rest else reference
    converted = {name: _converted(value) for name, value in schema.items()}
    if isinstance(schema.get("type"), list):
        converted["type"] = schema["type"][0]
    return converted

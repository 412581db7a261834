"""Decoding of request bodies into objects of the expected kind, as in a real API server.

JSON and YAML are parsed by parsers with a bounded cost (`shared.reading`). Protobuf bodies, which kubectl sends for
`create <kind>` since 1.32, are answered 415.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeVar

from services.simulator.api import errors
from services.simulator.resources import Resource
from shared import reading
from shared.kube.definitions import Schema, definitions
from shared.kube.objects import Obj
from shared.kube.validation import Decoded, DecodeError, decode, duplicate_fields
from shared.reading import single

JSON_TYPES: Final = ("application/json", "*/*", "")
YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml")
_OBJECT_TYPES: Final = ("application/json", "application/yaml")
_SMALL_BYTES: Final = 32 * 1024
"""Bodies up to this size are parsed and decoded within about two milliseconds."""
_MOST_FAULTS: Final = 100
_LONGEST_FAULT: Final = 1000
"""Limits of the list of strict decoding errors, which could be larger than the request."""
_DELETE_OPTIONS: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_VALIDATIONS: Final = ("Strict", "Warn", "Ignore")

T = TypeVar("T")


async def read(raw: bytes, media_type: str) -> Any:
    """The value of a JSON or YAML body. Raises ApiError: 415 for another format, 400 if it can't be parsed."""
    if media_type in YAML_TYPES:
        return await beside(raw, parse_yaml, raw)
    if media_type not in JSON_TYPES:
        raise errors.unsupported_media_type(_OBJECT_TYPES)
    return await read_json(raw)


async def read_json(raw: bytes) -> Any:
    """The value of a JSON body. Raises ApiError 400."""
    return await beside(raw, parse_json, raw)


async def read_yaml(raw: bytes) -> Any:
    """The value of a YAML body. Raises ApiError 400."""
    return await beside(raw, parse_yaml, raw)


async def beside(raw: bytes, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run `work`, in a thread if the body is so large that it would block other requests."""
    if len(raw) < _SMALL_BYTES:
        return work(*arguments, **named)
    return await asyncio.to_thread(work, *arguments, **named)


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises ApiError 400."""
    try:
        return reading.parse_json(raw)
    except reading.InvalidText as error:
        raise errors.bad_request(f"couldn't get version/kind; json parse error: {error}") from error


def parse_yaml(raw: bytes) -> Any:
    """The value of a YAML text; numeric keys become strings. Raises ApiError 400."""
    try:
        return single.parse_yaml(raw)
    except reading.InvalidText as error:
        raise errors.bad_request(f"error decoding YAML: {error}") from error


def schema_of(resource: Resource) -> Schema:
    """The type of a resource's objects."""
    schema = definitions().for_kind(resource.group, resource.version, resource.kind)
    if schema is None:
        raise LookupError(f"the definitions have no {resource.api_version} {resource.kind}")
    return schema


def delete_options(value: Any) -> Obj:
    """A body as DeleteOptions. Raises ApiError 400 for wrong types."""
    if value is None:
        return {}
    try:
        return decode(value, definitions().schema(_DELETE_OPTIONS)).value
    except DecodeError as error:
        raise errors.bad_request(f"DeleteOptions: {error}") from error


def typed_object(value: Any, resource: Resource, *, validation: str, raw: bytes | None = None) -> tuple[Obj, list[str]]:
    """`value` as an object of the resource's kind, and warnings about dropped fields.

    `validation` is Strict (faults are refused), Warn or Ignore. `raw` is the JSON text, if there is one, in which
    duplicate fields are found. Raises ApiError 400 with a real API server's wording.
    """
    if validation not in _VALIDATIONS:
        raise errors.bad_request(f'invalid fieldValidation value "{validation}"')
    value = _expected_kind(value, resource)
    decoded = _decoded(value, resource)
    if validation == "Ignore":
        return decoded.value, []
    faults = decoded.strict_errors()
    if raw is not None:
        pairs = json.loads(raw, object_pairs_hook=tuple)
        faults += [f'duplicate field "{name}"' for name in islice(duplicate_fields(pairs), _MOST_FAULTS)]
    faults = [fault[:_LONGEST_FAULT] for fault in faults[:_MOST_FAULTS]]
    if faults and validation == "Strict":
        raise _cannot_be_handled(resource, f"strict decoding error: {', '.join(faults)}")
    return decoded.value, faults


def _decoded(value: Obj, resource: Resource) -> Decoded:
    try:
        decoded = decode(value, schema_of(resource))
    except DecodeError as error:
        raise _cannot_be_handled(resource, str(error)) from error
    decoded.value.setdefault("metadata", {})
    return decoded


def _expected_kind(value: Any, resource: Resource) -> Obj:
    """The value with kind and apiVersion, which typed clients omit. Raises ApiError 400 for another kind."""
    if not isinstance(value, dict):
        raise errors.bad_request(
            "couldn't get version/kind; json parse error: json: cannot unmarshal"
            f" {'array' if isinstance(value, list) else 'value'} into Go value of type struct"
        )
    api_version, kind = value.get("apiVersion") or resource.api_version, value.get("kind") or resource.kind
    wanted = resource.api_version
    if api_version != wanted:
        raise errors.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({wanted})"
        )
    if kind != resource.kind:
        raise errors.bad_request(
            f'{kind} in version "{resource.version}" cannot be handled as a {resource.kind}: the kind in the data'
            f" ({kind}) does not match the expected kind ({resource.kind})"
        )
    return {**value, "apiVersion": api_version, "kind": kind}


def _cannot_be_handled(resource: Resource, why: str) -> errors.ApiError:
    return errors.bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}'
    )

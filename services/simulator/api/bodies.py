"""From the bytes of a request to an object of the expected kind, decoded as the API server would.

JSON and YAML are read. Protobuf bodies, which kubectl from 1.32 on sends for `create <kind>`, are answered 415.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson
import yaml

from services.simulator.api import errors
from services.simulator.objects import Obj
from services.simulator.resources import Resource
from shared.kube.definitions import Schema, definitions
from shared.kube.validation import Decoded, DecodeError, decode, duplicate_fields

JSON_TYPES: Final = ("application/json", "*/*", "")
YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml")
_OBJECT_TYPES: Final = ("application/json", "application/yaml")
_MOST_VALUES: Final = 1_000_000
"""More than the largest body that is accepted could hold without aliases."""
_VALIDATIONS: Final = ("Strict", "Warn", "Ignore")


class _YamlLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Kubernetes reads it: a date stays the text that it is."""


_YamlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _YamlLoader.yaml_implicit_resolvers.items()
}


def parse(raw: bytes, media_type: str) -> Any:
    """The value of a JSON or YAML body. Raises ApiError: 415 for another format, 400 for one that can't be parsed."""
    if media_type in YAML_TYPES:
        return parse_yaml(raw)
    if media_type not in JSON_TYPES:
        raise errors.unsupported_media_type(_OBJECT_TYPES)
    return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises ApiError 400."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise errors.bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    _refuse_nul(raw, value)
    return value


def parse_yaml(raw: bytes) -> Any:
    """The value of a YAML text, with what JSON can't say (a number as a key) turned into text. Raises ApiError 400."""
    try:
        value = yaml.load(raw, Loader=_YamlLoader)  # noqa: S506 (a safe loader with fewer types)
        _refuse_bomb(value)
        encoded = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise errors.bad_request(f"error decoding YAML: {error}") from error
    value = orjson.loads(encoded)
    _refuse_nul(encoded, value)
    return value


def _refuse_bomb(value: Any) -> None:
    """Aliases share what they stand for until it is written out: a few lines may then mean billions of values."""
    if _written_out(value, {}) > _MOST_VALUES:
        raise errors.bad_request("error decoding YAML: document contains excessive aliasing")


def _written_out(value: Any, sizes: dict[int, int]) -> int:
    """How many values there are without aliases. Each object is looked at once; one inside of itself has no end."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in sizes:
        return sizes[id(value)]
    sizes[id(value)] = _MOST_VALUES + 1
    children = value.values() if isinstance(value, dict) else value
    sizes[id(value)] = 1 + sum(_written_out(child, sizes) for child in children)
    return sizes[id(value)]


def _refuse_nul(encoded: bytes, value: Any) -> None:
    r"""PostgreSQL's jsonb has no `\u0000`; better refused here than found when the change is written."""
    if b"\\u0000" in encoded and "\0" in _texts(value):
        raise errors.bad_request("invalid character '\\x00' in string literal")


def _texts(value: Any) -> str:
    """All texts of a value in one string."""
    if isinstance(value, dict):
        return "".join(_texts(k) + _texts(v) for k, v in value.items())
    if isinstance(value, list):
        return "".join(map(_texts, value))
    return value if isinstance(value, str) else ""


def schema_of(resource: Resource) -> Schema:
    """The type of a resource's objects."""
    schema = definitions().for_kind(resource.group, resource.version, resource.kind)
    if schema is None:
        raise LookupError(f"the definitions have no {resource.api_version} {resource.kind}")
    return schema


def typed_object(value: Any, resource: Resource, *, validation: str, raw: bytes | None = None) -> tuple[Obj, list[str]]:
    """`value` as an object of the resource's kind, and warnings about what was dropped.

    `validation` is Strict (faults are refused), Warn or Ignore; `raw` is the JSON text where there is one, to find
    fields that occur twice. Raises ApiError 400 in the API server's words.
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
        faults += [f'duplicate field "{name}"' for name in duplicate_fields(pairs)]
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
    """The value with kind and apiVersion, which typed clients leave out. Raises ApiError 400 for another kind."""
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

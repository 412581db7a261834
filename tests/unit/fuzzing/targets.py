"""The parsers of text from outside, each as a function of bytes that may only fail in the way its callers expect.

A target returns when the text was refused as it should be; what it raises is a finding.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from pydantic import ValidationError

from services.simulator.api.apply import field_managers, field_sets, patches, typed
from services.simulator.api.apply.field_managers import FieldManager
from services.simulator.api.apply.strategic_merge import strategic_merge
from services.simulator.api.errors import ApiError
from services.simulator.api.routing.requests import Request, parse_target, split_cluster
from services.simulator.api.routing.responses import negotiate
from services.simulator.api.validation import bodies, selectors
from services.simulator.api.verbs import reads
from shared.events import EVENTS
from shared.http.origins import parse_authority, parse_origin
from shared.kube import quantities, texts
from shared.kube.definitions import definitions
from shared.kube.semantics import validate
from shared.reading import InvalidText, int64, parse_json, uint64
from shared.reading.single import parse_documents
from shared.tenants import parse_duration
from tests.support.simulator_api import CONFIG_MAPS, DEPLOYMENTS, Api, deployment

_SCHEMA = definitions().for_kind("apps", "v1", "Deployment")
_LIVE: Any = {**deployment(), "spec": {**deployment()["spec"], "replicas": 1}}
_MANAGER = FieldManager("Update", "fuzz", "apps/v1")
_MEDIA_TYPES = (
    "application/json", "application/yaml", "application/apply-patch+yaml", "application/merge-patch+json",
    "application/strategic-merge-patch+json", "application/json-patch+json",
)  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def json_text(data: bytes) -> None:
    """What is accepted can be written again, and has no U+0000."""
    with suppress(InvalidText):
        assert b"\\u0000" not in orjson.dumps(parse_json(data))


def yaml_text(data: bytes) -> None:
    """What is accepted can be written as JSON."""
    with suppress(InvalidText):
        orjson.dumps(parse_documents(data))


def numbers(data: bytes) -> None:
    """Both readers agree on what both accept."""
    with suppress(InvalidText):
        assert uint64(_text(data)) >= 0
    with suppress(InvalidText):
        assert -(2**63) <= int64(_text(data)) < 2**63


def quantity(data: bytes) -> None:
    """The canonical form of a quantity is canonical."""
    with suppress(quantities.QuantityError):
        written = quantities.canonical(_text(data))
        assert quantities.canonical(written) == written


def times(data: bytes) -> None:
    """A time without a fault is one in Python's calendar."""
    if texts.time_fault(_text(data)) is None:
        assert texts.parse_time(_text(data)).tzinfo is not None


def durations(data: bytes) -> None:
    """As options of a deployment have them."""
    with suppress(ValueError):
        assert parse_duration(_text(data)) >= 0


def label_selector(data: bytes) -> None:
    """A predicate can be asked."""
    with suppress(ApiError):
        if (chosen := selectors.label_predicate(_text(data))) is not None:
            chosen({"metadata": {"labels": {"a": "5"}}})


def field_selector(data: bytes) -> None:
    """A predicate can be asked."""
    with suppress(ApiError):
        if (chosen := selectors.field_predicate(_text(data))) is not None:
            chosen(_LIVE)


def continue_token(data: bytes) -> None:
    """A place in a list isn't before its begin."""
    with suppress(ApiError):
        assert min(reads.read_token(_text(data))) >= 0


def accept_header(data: bytes) -> None:
    """Of a request, as latin-1."""
    with suppress(ApiError):
        negotiate(data.decode("latin-1"))


def path_and_query(data: bytes) -> None:
    """A request line's parts."""

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    path, _, query = data.partition(b"?")
    with suppress(ApiError):
        _, parts = split_cluster(_text(path))
        if len(parts) > 3:
            parse_target(parts)
    request = Request({"method": "GET", "headers": [(b"user-agent", path)], "query_string": query}, receive)
    for part in ("limit", "timeoutSeconds", "gracePeriodSeconds"):
        with suppress(ApiError):
            request.number(part)
    with suppress(ApiError):
        assert "\0" not in request.manager


def field_set(data: bytes) -> None:
    """A record of owners from a client is written again, or is a ValueError."""
    with suppress(InvalidText, ValueError):
        fields = field_sets.decode(parse_json(data))
        field_sets.encode(fields)
        [field_sets.written(path) for path in fields]


def json_patch(data: bytes) -> None:
    """On a Deployment."""
    with suppress(ApiError):
        orjson.dumps(patches.json_patch(_LIVE, bodies.parse_json(data)))


def strategic_patch(data: bytes) -> None:
    """On a Deployment."""
    with suppress(ApiError):
        orjson.dumps(strategic_merge(_LIVE, bodies.parse_json(data), _SCHEMA))


def applied(data: bytes) -> None:
    """Server-side apply to a Deployment."""
    with suppress(ApiError, typed.TypedError):
        body = bodies.parse_yaml(data)
        assert _SCHEMA is not None
        if isinstance(body, dict):
            typed.check(body, _SCHEMA)
            config = {**body, "metadata": body.get("metadata") or {}}
            validate(field_managers.apply(_LIVE, config, _SCHEMA, _MANAGER, "2026-01-01T00:00:00Z", force=True), _LIVE)


def request_body(data: bytes) -> None:
    """A whole request: nothing but an answer that isn't 500, unless the API server has that one, too."""
    kind, body = _MEDIA_TYPES[data[0] % len(_MEDIA_TYPES)] if data else _MEDIA_TYPES[0], data[1:]

    async def send() -> None:
        api = Api()
        await api.post(DEPLOYMENTS, deployment())
        for method, path in (("PATCH", f"{DEPLOYMENTS}/web"), ("POST", CONFIG_MAPS), ("DELETE", f"{DEPLOYMENTS}/web")):
            answer = await api.request(method, path, body, media_type=kind, fieldManager="fuzz")
            assert answer.code != 500 or answer.body.get("reason") != "InternalError", (method, answer.raw)

    asyncio.run(send())


def events(data: bytes) -> None:
    """The bodies of all events."""
    for model in EVENTS.values():
        with suppress(ValidationError):
            model.model_validate_json(data).model_dump_json()


def hosts(data: bytes) -> None:
    """Of the headers Host and Origin."""
    parse_authority(_text(data))
    parse_origin(_text(data))


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        json_text, yaml_text, numbers, quantity, times, durations, label_selector, field_selector, continue_token,
        accept_header, path_and_query, field_set, json_patch, strategic_patch, applied, request_body, events, hosts,
    )
}  # fmt: skip

SEEDS: dict[str, bytes] = {
    "json_text": b'{"a": [1, -2.5e3, "\\u00e9", true, null]}',
    "yaml_text": b"a: &a {b: 1}\nc: {<<: *a}\n--- !!str x\n",
    "numbers": b"-9223372036854775808",
    "quantity": b"1.5Gi",
    "times": b"2026-02-28T23:59:59.123456789+09:00",
    "durations": b"20m",
    "label_selector": b"a in (b, c),!d,e=f,g!=h,i notin (j),k>1",
    "field_selector": b"metadata.name=a\\,b,status.phase!=Running",
    "continue_token": b"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOjF9",
    "accept_header": b"application/json;as=Table;v=v1;g=meta.k8s.io,*/*;q=0.8",
    "path_and_query": b"/clusters/demo/apis/apps/v1/namespaces/a/deployments/b/scale?limit=5&fieldManager=x",
    "field_set": b'{"f:spec": {".": {}, "k:{\\"name\\":\\"app\\"}": {"f:image": {}}, "v:\\"x\\"": {}, "i:1": {}}}',
    "json_patch": b'[{"op": "copy", "from": "/spec", "path": "/spec/template"}, {"op": "remove", "path": "/kind"}]',
    "strategic_patch": b'{"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "app"}],'
    b' "containers": [{"name": "app", "$patch": "delete"}]}}}}',
    "applied": b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n",
    "request_body": b'\x03{"spec": {"replicas": 2, "strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}',
    "events": b'{"tenant_id": "a", "deployment_id": "dep-1", "generation": 1, "time": "2026-01-01T00:00:00Z"}',
    "hosts": b"http://[::1]:8000",
}

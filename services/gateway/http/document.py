"""The gateway's FastAPI application, with an OpenAPI document that is as strict as the checks behind it.

FastAPI makes the document from routes and models. Added here: short operation ids, the meaning of each tag, the header
that chooses the mode, the request id of every response, the model of errors, and the catalogue's names and limits.
`docs/openapi.json` is the document with the catalogue of this repository; a gateway with another one serves its own.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.gateway.http import operation_ids
from services.gateway.http.patch_schemas import describe_patch
from services.gateway.http.schemas import REFERENCE, ErrorAnswer
from services.gateway.http.strict_schemas import close_request_schemas
from shared.catalog import Catalog
from shared.http import api_pages
from shared.version import API_VERSION

JsonObject = dict[str, Any]
TITLE = "ECP-AI Kubernetes Orchestrator"
TAGS = {
    "tenants": "Create, read, change and delete tenants, and size services without storing them.",
    "deployments": "Deploy, roll back, start, stop, restart, cancel, adopt; the progress and history of operations.",
    "manifests": "The Kubernetes manifest of a tenant, and the validation of any manifest.",
    "recommendations": "Resource requests that follow from measured use.",
    "monitoring": "Metric series of a tenant, and measurements of other systems.",
    "sla": "Availability, error budgets, reports and planned maintenance.",
    "alerts": "Alert rules, active alerts, and those that Alertmanager reports.",
    "incidents": "What is wrong with tenants, what is done about it, post-mortems, and silences.",
    "receivers": "Where alerts are sent, when, and what was sent.",
    "access": "How to sign in, who calls, and what callers may do.",
    "keys": "API keys for machines, made, rotated and revoked by administrators.",
    "audit": "Who did what, when, from where and with which outcome.",
    "settings": "The settings of a mode that users change, with their history.",
    "operations": "Health, Prometheus metrics, the cluster's resources and the operations dashboard.",
}
"""One for each feature, in the order in which the pages show them."""
ABOUT = """\
Sizes, renders, deploys and monitors AI contact centres.

- **Access.** Where authentication is on (`GET /api/v1/auth`), each call needs `Authorization: Bearer <token or API
  key>`. A missing or invalid credential is a 401, whose `WWW-Authenticate` tells what is wrong.
- **Roles.** `x-required-role` is the least role of a call; without it the answer is a 403. A tenant that the caller may
  not see is answered as one that doesn't exist (404). `permissions` of a tenant are what the caller may do with it.
- **Mode.** `X-Demo-Mode: true` selects the demo mode, whose tenants, database and cluster are separate. Without the
  header a call concerns production.
- **Errors.** Every error is `{"error": {"code", "message", "details", "timestamp", "request_id"}}`. Codes are stable,
  and each operation lists those that it can answer with. A 503 has `Retry-After`.
- **Limits.** Where authentication is on, calls beyond a rate are answered 429 with `Retry-After`; `RateLimit` tells how
  many are left. Calls beyond what can be in work are answered 503.
- **Request id.** `X-Request-ID` is echoed, or made if it is absent. It is in every log line and event of the request.
- **Language.** `Accept-Language: ko` or `en` chooses the language of messages, which `Content-Language` names.
- **Timings.** `X-Debug: true` adds `X-Debug-Info` with the duration of each step, for administrators.
- **Bodies** are JSON with `Content-Type: application/json`, at most 1 MiB.

The WebSockets `/ws/deployment/{deployment_id}` and `/ws/monitoring/{tenant_id}` send what the operations
`listDeploymentEvents` and `getMonitoring` return, as it happens. A page proves who it is by a subprotocol
(`["ecp.v1", "bearer.<token>"]`) or a ticket of `createSocketTicket`.
"""
_MODE = {
    "name": "X-Demo-Mode",
    "in": "header",
    "description": "`true` for the demo mode, `false` for production",
    "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
}
_REQUEST_ID = {
    "description": "The id of the request, as in `error.request_id` and in the log",
    "schema": {"type": "string", "maxLength": 128},
}


class Api(FastAPI):
    """FastAPI with a complete document, which it serves together with the pages that show it."""

    def __init__(self, catalog: Catalog, describe: Callable[[JsonObject], None], **options: Any) -> None:
        """`describe` adds to the document what this package doesn't know, such as roles."""
        super().__init__(
            title=TITLE,
            version=API_VERSION,
            description=ABOUT,
            servers=[{"url": "/", "description": "The gateway that serves this document"}],
            openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
            generate_unique_id_function=operation_id,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            routes=[*api_pages.routes(TITLE), Route("/openapi.json", self._send_document, include_in_schema=False)],
            **options,
        )
        self._catalog = catalog
        self._describe = describe

    def openapi(self) -> JsonObject:
        """The document, made at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi(), self._catalog)
            self._describe(self.openapi_schema)
        return self.openapi_schema

    @cached_property
    def document_text(self) -> bytes:
        """The document as JSON. To write its 400 KB takes 18 ms, too long for an answer that everyone may ask for."""
        return bytes(JSONResponse(self.openapi()).body)

    async def _send_document(self, request: Request) -> Response:
        return Response(self.document_text, media_type="application/json")


def operation_id(route: APIRoute) -> str:
    """The id of a route's operation."""
    return operation_ids.operation_id(route.name)


def completed(document: JsonObject, catalog: Catalog) -> JsonObject:
    """FastAPI's `document`, changed in place: closed bodies, mode, request ids, errors, catalogue's names, patches."""
    close_request_schemas(document)
    components = document["components"]
    model = ErrorAnswer.model_json_schema(ref_template=REFERENCE, mode="serialization")
    schemas = components["schemas"]
    schemas |= {**model.pop("$defs"), "ErrorAnswer": model}
    components["parameters"] = {"DemoMode": _MODE}
    components["headers"] = {"RequestId": _REQUEST_ID}
    for operation in _operations(document):
        if "parameters" in operation:
            operation["parameters"] = [_parameter(each) for each in operation["parameters"]]
        for response in operation["responses"].values():
            response.setdefault("headers", {})["X-Request-ID"] = {"$ref": "#/components/headers/RequestId"}
    _name_from_catalogue(document, catalog)
    describe_patch(schemas, "TenantPatch", "TenantChange")
    components["schemas"] = dict(sorted(schemas.items()))
    return document


def _operations(document: JsonObject) -> Iterator[JsonObject]:
    for methods in document["paths"].values():
        yield from methods.values()


def _parameter(parameter: JsonObject) -> JsonObject:
    """The mode's header with its two values; any other without null, which can't be sent outside of a body."""
    if parameter["name"] == "x-demo-mode":
        return {"$ref": "#/components/parameters/DemoMode"}
    schema = parameter["schema"]
    others = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(others) == 1:
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**parameter, "schema": {**others[0], **rest}}
    return parameter


def _name_from_catalogue(document: JsonObject, catalog: Catalog) -> None:
    """Restrict what requests may name to what the catalogue has."""
    names = {"preset": list(catalog.presets), "gpu_type": [*catalog.gpus, "auto"]}
    for schema in _bodies(document):
        properties = schema.get("properties", {})
        for name in names.keys() & properties.keys():
            _restrict(properties[name], names[name])
        if "service_requirements" in properties:
            _limit_sessions(properties["service_requirements"], catalog)
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter.get("name") in names:
                _restrict(parameter["schema"], names[parameter["name"]])


def _bodies(document: JsonObject) -> list[JsonObject]:
    """The models of request bodies, each once."""
    found: dict[str, JsonObject] = {}
    for operation in _operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = media["schema"]
            for each in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
                if name := each.get("$ref", "").rpartition("/")[2]:
                    found[name] = document["components"]["schemas"][name]
    return list(found.values())


def _restrict(schema: JsonObject, names: Sequence[str]) -> None:
    for each in schema.get("anyOf", [schema]):
        if each.get("type") == "string" and "enum" not in each:
            each["enum"] = list(names)


def _limit_sessions(schema: JsonObject, catalog: Catalog) -> None:
    """Name each service, with the largest number of sessions that can be sized."""
    for each in schema.get("anyOf", [schema]):
        if each.get("type") == "object":
            # A merge patch, whose values may be anything, removes a service by null.
            kinds = "integer" if isinstance(each.get("additionalProperties"), dict) else ["integer", "null"]
            each["properties"] = {
                name: {"type": kinds, "minimum": 0, "maximum": service.max_sessions.value}
                for name, service in catalog.services.items()
            }
            each["additionalProperties"] = False

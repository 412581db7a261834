"""The OpenAPI document of the product's endpoints, served at `/openapi.json`.

The Kubernetes API has documents of its own under `/openapi/v3`. This one is made from a table of operations and from
the models in `schemas`; tests send generated requests and compare each answer with it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.simulator.api.product import schemas

_REF: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_NOT_IN_IDS: Final = str.maketrans("", "", "/{}-_.")
Models = tuple[type[BaseModel], ...]


@dataclass(frozen=True, slots=True)
class DocumentedCall:
    """One endpoint. `success` maps codes to the models of a body, or to its media type where it isn't JSON."""

    method: str
    path: str
    summary: str
    success: Mapping[int, Models | str]
    failures: tuple[int, ...] = ()
    body: type[BaseModel] | None = None
    by_mode: bool = True
    path_parameters: Mapping[str, str] = field(default_factory=dict)


OPERATIONS: Final = (
    DocumentedCall("get", "/health", "Check that the process is alive", {200: (schemas.Health,)}, by_mode=False),
    DocumentedCall(
        "get",
        "/ready",
        "Check that all dependencies answer",
        {200: (schemas.Readiness,), 503: (schemas.Readiness,)},
        by_mode=False,
    ),
    DocumentedCall("get", "/metrics", "Get Prometheus metrics", {200: "text/plain"}, by_mode=False),
    DocumentedCall("get", "/docs", "Get an overview of the endpoints", {200: "text/html"}, by_mode=False),
    DocumentedCall(
        "get", "/api/metrics", "Get the metrics of a cluster and its tenants", {200: (schemas.AllMetrics,)}, (400, 503)
    ),
    DocumentedCall(
        "get", "/api/v1/metrics/system", "Get the metrics of a cluster", {200: (schemas.ClusterMetrics,)}, (400, 503)
    ),
    DocumentedCall(
        "get",
        "/api/v1/metrics/{tenant_id}",
        "Get the metrics of a tenant",
        {200: (schemas.TenantMetrics, schemas.ExternalTenantMetrics)},
        (400, 404, 503),
        path_parameters={"tenant_id": "The tenant's id"},
    ),
    DocumentedCall(
        "post",
        "/api/v1/external-metrics",
        "Store metrics that another system measured",
        {202: (schemas.AcceptedMetrics,)},
        (400, 409, 413, 422, 503),
        body=schemas.ExternalMetrics,
    ),
)
_MODE: Final = {
    "name": "X-Demo-Mode",
    "in": "header",
    "description": "`true` selects the cluster `demo`, `false` the cluster `default`.",
    "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
}


@functools.cache
def document() -> bytes:
    """The encoded document."""
    used: set[type[BaseModel]] = {schemas.ErrorResponse}
    used.update(model for operation in OPERATIONS for model in _models(operation))
    ordered = sorted(used, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "ECP simulator",
                "version": "1.0.0",
                "description": "Metrics and health of the simulated clusters, beside their Kubernetes API.",
            },
            "paths": paths,
            "components": {"schemas": definitions["$defs"]},
        }
    )


def _models(operation: DocumentedCall) -> list[type[BaseModel]]:
    bodies = [models for models in operation.success.values() if not isinstance(models, str)]
    return [model for models in bodies for model in models] + ([operation.body] if operation.body else [])


def _described(operation: DocumentedCall) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in operation.path_parameters.items()
    ]
    described: dict[str, Any] = {
        "operationId": operation.method + operation.path.title().translate(_NOT_IN_IDS),
        "summary": operation.summary,
        "parameters": [*parameters, *([_MODE] if operation.by_mode else [])],
        "responses": _responses(operation),
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": _schema((operation.body,))}}}
    return described


def _responses(operation: DocumentedCall) -> dict[str, Any]:
    answers: dict[int, Models | str] = {
        **operation.success,
        **dict.fromkeys(operation.failures, (schemas.ErrorResponse,)),
    }
    return {str(code): _response(code, body) for code, body in sorted(answers.items())}


def _response(code: int, body: Models | str) -> dict[str, Any]:
    content = {body: {"schema": {"type": "string"}}} if isinstance(body, str) else {_JSON: {"schema": _schema(body)}}
    return {"description": HTTPStatus(code).phrase, "content": content}


def _schema(models: Models) -> dict[str, Any]:
    references = [{"$ref": _REF.format(model=model.__name__)} for model in models]
    return references[0] if len(references) == 1 else {"anyOf": references}

"""The OpenAPI document of the product's endpoints, served at `/openapi.json` and shown at `/docs`.

The Kubernetes API has documents of its own under `/openapi/v3`. This one is made from the table of operations in
`calls` and from the models in `schemas`; tests send generated requests and compare each answer with it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.simulator.api.product import schemas
from services.simulator.api.product.calls import OPERATIONS, TAGS, DocumentedCall, Models
from shared.version import API_VERSION

TITLE: Final = "ECP simulator"
_ABOUT: Final = """\
Metrics and health of the simulated clusters, beside their Kubernetes API.

The Kubernetes API works with any client, such as `kubectl --server http://127.0.0.1:6360 get pods -A`. The cluster of
the demo mode is at `/clusters/demo`, and the documents of the Kubernetes API are at `/openapi/v3`.

The header `X-Demo-Mode: true` selects the demo cluster for the endpoints below. Their errors are
`{"error": {"code", "message", "details", "timestamp", "request_id"}}`.
"""
_REF: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_MODE: Final = {
    "name": "X-Demo-Mode",
    "in": "header",
    "description": "`true` selects the cluster `demo`, `false` the cluster `default`.",
    "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
}


_SCHEME: Final = "bearer"
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of the identity provider. Without authentication none is needed.",
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
            "info": {"title": TITLE, "version": API_VERSION, "description": _ABOUT},
            "servers": [{"url": "/", "description": "The simulator that serves this document"}],
            "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
            "paths": paths,
            "components": {
                "parameters": {"DemoMode": _MODE},
                "schemas": definitions["$defs"],
                "securitySchemes": {_SCHEME: _BEARER},
            },
        }
    )


def _models(operation: DocumentedCall) -> list[type[BaseModel]]:
    bodies = [models for models in operation.success.values() if not isinstance(models, str)]
    return [model for models in bodies for model in models] + ([operation.body] if operation.body else [])


def _described(operation: DocumentedCall) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    described["security"] = [{_SCHEME: []}] if operation.least else []
    if operation.least:
        described["x-required-role"] = operation.least.value
    if operation.body:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": _schema((operation.body,))}}}
    return described


def _parameters(operation: DocumentedCall) -> list[dict[str, Any]]:
    by_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": text,
            "schema": {"type": "string", "minLength": 1, "maxLength": 253, "examples": [example]},
        }
        for name, (text, example) in operation.path_parameters.items()
    ]
    return [*by_path, *([{"$ref": "#/components/parameters/DemoMode"}] if operation.by_mode else [])]


def _responses(operation: DocumentedCall) -> dict[str, Any]:
    answers = {code: _response(HTTPStatus(code).phrase, body) for code, body in operation.success.items()}
    answers |= {code: _failure(codes) for code, codes in operation.answers.items()}
    return {str(code): answer for code, answer in sorted(answers.items())}


def _response(description: str, body: Models | str) -> dict[str, Any]:
    content = {body: {"schema": {"type": "string"}}} if isinstance(body, str) else {_JSON: {"schema": _schema(body)}}
    return {"description": description, "content": content}


def _failure(codes: Sequence[str]) -> dict[str, Any]:
    """The error with one of `codes`."""
    one_of = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    schema = {"allOf": [_schema((schemas.ErrorResponse,)), one_of]}
    return {"description": ", ".join(codes), "content": {_JSON: {"schema": schema}}}


def _schema(models: Models) -> dict[str, Any]:
    references = [{"$ref": _REF.format(model=model.__name__)} for model in models]
    return references[0] if len(references) == 1 else {"anyOf": references}

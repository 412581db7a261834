"""The documented error, and the list of errors that an operation can answer with."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AwareDatetime, Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.http.errors import STATUS
from shared.messages import Message
from shared.tenants import Model

NotAnswered = Annotated[SkipJsonSchema[tuple[Message, ...]], Field(exclude=True)]
"""Messages of a model of the bus, in an answer that has the translated text beside them."""


class ErrorDetail(Model):
    """Code, message and details of an error."""

    code: str = Field(examples=["TENANT_ALREADY_EXISTS"])
    message: str
    details: dict[str, Any] = Field(examples=[{"tenant_id": "my-ai-service", "existing_status": "running"}])
    timestamp: AwareDatetime
    request_id: str = Field(examples=["req-0123456789ab"])


class ErrorAnswer(Model):
    """Every error has this shape."""

    error: ErrorDetail


_ALWAYS = (
    "INVALID_MODE",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "ORIGIN_NOT_ALLOWED",
    "MISDIRECTED_REQUEST",
    "VALIDATION_ERROR",
    "URL_TOO_LONG",
    "HEADERS_TOO_LARGE",
    "RATE_LIMITED",
    "INTERNAL",
    "OVERLOADED",
    # While the identity provider doesn't answer.
    "DEPENDENCY_UNAVAILABLE",
)
_WITH_BODY = ("REQUEST_TIMEOUT", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
_RETRY_AFTER = {"description": "Seconds until a retry is worth it", "schema": {"type": "integer", "minimum": 0}}
_CHALLENGE = {"description": "What is wrong with the credential (RFC 6750)", "schema": {"type": "string"}}
_HEADERS: dict[int, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": _CHALLENGE},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": _RETRY_AFTER},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": _RETRY_AFTER},
}
REFERENCE = "#/components/schemas/{model}"
"""Where FastAPI puts the models of a document."""


def answers(*codes: str, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for an operation that can answer with `codes`, besides those of every operation."""
    by_status: dict[int, list[str]] = {}
    for code in (*_ALWAYS, *(_WITH_BODY if body else ()), *codes):
        by_status.setdefault(STATUS[code], []).append(code)
    return {status: _answer(status, known) for status, known in sorted(by_status.items())}


def _answer(status: int, codes: Sequence[str]) -> dict[str, Any]:
    """The error with one of `codes`, so that generated clients and tests know them."""
    one_of = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    schema = {"allOf": [{"$ref": REFERENCE.format(model="ErrorAnswer")}, one_of]}
    answer: dict[str, Any] = {"description": ", ".join(codes), "content": {"application/json": {"schema": schema}}}
    headers = _HEADERS.get(status)
    return answer if headers is None else {**answer, "headers": headers}

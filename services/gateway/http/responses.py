"""Errors as HTTP responses."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from services.gateway.http import request_context
from services.gateway.http.errors import error_body, status_of
from shared.errors import EcpError, TemporaryError

_RETRY_AFTER = "2"
"""Seconds. A supervisor has restarted a failed process by then."""


def error_response(error: EcpError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The documented error. A 503 and a 429 have `Retry-After`."""
    status = status_of(error)
    request_context.current().refusal = error
    retry = _retry(error, status)
    return JSONResponse(_encodable(error_body(error)), status_code=status, headers={**(headers or {}), **retry})


def _retry(error: EcpError, status: int) -> dict[str, str]:
    """When another try is worth it: of a 503 the delay of the error, if it has one; of a 429 what its details tell."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": str(error.details.get("retry_after", _RETRY_AFTER))}
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return {}
    delay = error.delay if isinstance(error, TemporaryError) else None
    return {"Retry-After": _RETRY_AFTER if delay is None else str(math.ceil(delay))}


def _encodable(value: Any) -> Any:
    r"""`value` with lone surrogates written as `\udXXX`: a client may send them, and UTF-8 can't encode them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(each) for key, each in value.items()}
    return [_encodable(each) for each in value] if isinstance(value, list | tuple) else value

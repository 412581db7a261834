"""Failures of the product's endpoints, in the product's shape instead of Kubernetes' Status."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response


class ProductError(Exception):
    """A failure in the product's shape: HTTP status, stable code, sentence and details."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


def tenant_not_found(tenant_id: str) -> ProductError:
    """The same for a tenant that doesn't run here, and for one that the caller may not see."""
    return ProductError(404, "TENANT_NOT_FOUND", f"no tenant '{tenant_id}' runs in this cluster", tenant_id=tenant_id)


async def _answer_product_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProductError)  # noqa: S101 - registered for nothing else
    body = {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "timestamp": datetime.now(UTC).isoformat(),
        "request_id": f"req-{uuid.uuid4().hex[:12]}",
    }
    headers = {"WWW-Authenticate": 'Bearer realm="ecp"'} if error.status == 401 else None
    return Response(orjson.dumps({"error": body}), error.status, headers, media_type="application/json")


EXCEPTION_HANDLERS: Final[Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    ProductError: _answer_product_error,
}
"""For the application that serves the routes."""

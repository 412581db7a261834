"""The table from error codes to HTTP statuses, and the one shape of every error.

{"error": {"code", "message", "details", "timestamp", "request_id"}}
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

from services.gateway.http import request_context
from services.gateway.http.language import Translator, translator
from shared.errors import EcpError, Refused, TemporaryError
from shared.messages import Sentence, problem

R = TypeVar("R")

STATUS: dict[str, int] = {
    "INVALID_MODE": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "ORIGIN_NOT_ALLOWED": 403,
    "NOT_FOUND": 404,
    "TENANT_NOT_FOUND": 404,
    "DEPLOYMENT_NOT_FOUND": 404,
    "INCIDENT_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409,
    "TENANT_ALREADY_EXISTS": 409,
    "INSUFFICIENT_RESOURCES": 409,
    "PRECONDITION_FAILED": 412,
    "BODY_TOO_LARGE": 413,
    "URL_TOO_LONG": 414,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "MISDIRECTED_REQUEST": 421,
    "VALIDATION_ERROR": 422,
    "INVALID_PRESET": 422,
    "MANIFEST_INVALID": 422,
    "RATE_LIMITED": 429,
    "HEADERS_TOO_LARGE": 431,
    "INTERNAL": 500,
    "DEPLOYMENT_FAILED": 500,
    "KUBERNETES_ERROR": 502,
    "DATABASE_ERROR": 503,
    "DEPENDENCY_UNAVAILABLE": 503,
    "MONITORING_UNAVAILABLE": 503,
    "OVERLOADED": 503,
    "WORKER_UNAVAILABLE": 503,
}


def tenant_not_found(tenant_id: str) -> Refused:
    """TENANT_NOT_FOUND for this id."""
    return Refused(
        f"there is no tenant {tenant_id!r}; GET /api/v1/tenants/ lists those of this mode",
        code="TENANT_NOT_FOUND",
        details={"tenant_id": tenant_id},
    )


def found_tenant(row: R | None, tenant_id: str) -> R:
    """`row`, if it is there. Raises Refused (TENANT_NOT_FOUND) otherwise.

    The id labels the request's metric from here on.
    """
    if row is None:
        raise tenant_not_found(tenant_id)
    request_context.current().tenant_id = tenant_id
    return row


def deployment_not_found(deployment_id: str) -> Refused:
    """DEPLOYMENT_NOT_FOUND for this id."""
    return Refused(
        f"there is no deployment {deployment_id!r} in this mode",
        code="DEPLOYMENT_NOT_FOUND",
        details={"deployment_id": deployment_id},
    )


def incident_not_found(incident_id: str) -> Refused:
    """INCIDENT_NOT_FOUND for this id."""
    return Refused(
        f"there is no incident {incident_id!r} in this mode",
        code="INCIDENT_NOT_FOUND",
        details={"incident_id": incident_id},
    )


def conflict(message_id: str, message: str, **details: Any) -> Refused:
    """CONFLICT: the request is valid, but not in the present state. The details are the message's parameters."""
    return Refused(message, code="CONFLICT", details=details, message_id=message_id)


def invalid(field: str, reason: Sentence) -> Refused:
    """VALIDATION_ERROR for one field."""
    return Refused(f"{field}: {reason.english}", details={"errors": [problem(field, reason)]})


def status_of(error: EcpError) -> int:
    """The HTTP status of an error. A code without an entry: 503 if it is temporary, 422 if a rule refused, else 500."""
    known = STATUS.get(error.code)
    if known is not None:
        return known
    if isinstance(error, TemporaryError):
        return 503
    return 422 if isinstance(error, Refused) else 500


def error_body(error: EcpError) -> dict[str, Any]:
    """The documented error as data, in the request's language."""
    texts = translator()
    return {
        "error": {
            "code": error.code,
            "message": texts.error(error.message_id, error.message, error.details),
            "details": _details(error, texts),
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "request_id": request_context.current().request_id,
        }
    }


def _details(error: EcpError, texts: Translator) -> dict[str, Any]:
    errors = error.details.get("errors")
    if not isinstance(errors, list):
        return error.details
    return {**error.details, "errors": [texts.problem(each) for each in errors]}

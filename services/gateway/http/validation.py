"""Errors of FastAPI and Starlette in the documented shape: validation, broken JSON, unknown paths and methods."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from services.gateway.http.errors import invalid
from services.gateway.http.moved_paths import successor
from services.gateway.http.problems import refusal
from services.gateway.http.responses import error_response
from shared.errors import EcpError, Refused
from shared.messages import sentence

_LONGEST_PATH = 200
"""Characters of a path in an error."""


def install(app: FastAPI) -> None:
    """Make `app` answer every error in the documented shape."""
    app.add_exception_handler(EcpError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)


async def _answer_own(request: Request, error: Exception) -> Response:
    assert isinstance(error, EcpError)  # noqa: S101 - registered for nothing else
    return error_response(error)


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    if _has_wrong_type(request, error):
        sent = request.headers.get("content-type", "")
        advice = f"the body is sent as {sent[:100]!r}; send JSON with Content-Type: application/json"
        return error_response(Refused(advice, code="UNSUPPORTED_MEDIA_TYPE"))
    return error_response(refusal(error.errors(), error.body))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    if error.status_code in (404, 405) and (use := successor(request.method, request.url.path)):
        return error_response(_moved(request, use))
    if error.status_code == 404:
        return error_response(Refused(f"no such path: {request.url.path}; see /docs", code="NOT_FOUND"))
    if error.status_code == 405:
        allowed = _allowed(request, error)
        message = f"{request.method} is not allowed here; allowed: {allowed}"
        refused = Refused(message, code="METHOD_NOT_ALLOWED", details={"allowed": allowed})
        return error_response(refused, {"Allow": allowed})
    # The gateway raises no other HTTPException: this is FastAPI's for a body that can't be parsed.
    return error_response(
        invalid(
            "body",
            sentence(
                "body-unreadable", "the body can't be read as JSON; is it nested too deeply, or a number too long?"
            ),
        )
    )


def _moved(request: Request, use: str) -> Refused:
    path = f"{request.method} {request.url.path}"[:_LONGEST_PATH]
    message = f"no such path: {path}; use {use}"
    return Refused(message, code="NOT_FOUND", details={"path": path, "use": use}, message_id="path-moved")


def _allowed(request: Request, error: HTTPException) -> str:
    """All methods of the path. Starlette names only those of the first matching route, which may be undocumented."""
    paths = request.app.openapi()["paths"].items()
    fitting = [item for template, item in paths if compile_path(template)[0].match(request.url.path)]
    methods = {method.upper() for item in fitting for method in item}
    return ", ".join(sorted(methods | _methods_of(error)))


def _methods_of(error: HTTPException) -> set[str]:
    named = (error.headers or {}).get("Allow", "")
    return {method.strip() for method in named.split(",") if method.strip()}


def _has_wrong_type(request: Request, error: RequestValidationError) -> bool:
    """FastAPI passes a body of another content type on as bytes, which no model accepts."""
    return isinstance(error.body, bytes) and any(tuple(each["loc"]) == ("body",) for each in error.errors())

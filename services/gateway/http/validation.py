"""What FastAPI and Starlette refuse, in the documented shape: validation, broken JSON, unknown paths and methods."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from services.gateway.http.errors import error_response
from services.gateway.http.language import korean_of_pydantic
from shared.errors import EcpError, Refused

_SHOWN = 5
_MOST_PROBLEMS = 100
"""In the details: a body may have a hundred thousand of the same fault."""
_LONGEST_MESSAGE = 500


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
    if error.status_code == 404:
        return error_response(Refused(f"there is nothing at {request.url.path}; see /docs", code="NOT_FOUND"))
    if error.status_code == 405:
        allowed = _allowed(request)
        message = f"{request.method} is not possible here; possible: {allowed}"
        refused = Refused(message, code="METHOD_NOT_ALLOWED", details={"allowed": allowed})
        return error_response(refused, {"Allow": allowed})
    # Nothing of ours raises another one: it is FastAPI's for a body that no parser takes, e.g. nested too deeply.
    return error_response(
        _refused_body("the body can't be read as JSON; is it nested too deeply, or a number too long?")
    )


def _allowed(request: Request) -> str:
    """Every method that the path has. Starlette names those of the first route that fits alone."""
    paths = request.app.openapi()["paths"].items()
    fitting = [item for template, item in paths if compile_path(template)[0].match(request.url.path)]
    return ", ".join(sorted({method.upper() for item in fitting for method in item}))


def refusal(errors: Sequence[Mapping[str, Any]], body: Any = None) -> Refused:
    """pydantic's list of problems as one refusal that says where and why, without the refused values."""
    problems = [_problem(each, body) for each in errors[:_MOST_PROBLEMS]]
    said = "; ".join(f"{each['field']}: {each['message']}" for each in problems[:_SHOWN])
    more = f" (and {len(errors) - _SHOWN} more)" if len(errors) > _SHOWN else ""
    return Refused(f"{said}{more}", details={"errors": problems})


def _problem(error: Mapping[str, Any], body: Any) -> dict[str, str]:
    if error["type"] == "json_invalid":
        return {"field": "body", "message": _where_broken(error, body)}
    place = [text for part in error["loc"] if (text := str(part)).strip()]
    if place == ["body"] and error["type"] == "missing":
        return {"field": "body", "message": "a JSON body is required"}
    # "body" and "query" say where FastAPI looked; a person knows the field by its name alone.
    field = ".".join(place[1:] if len(place) > 1 else place)
    said = {"field": field[:200], "message": str(error["msg"]).removeprefix("Value error, ")[:_LONGEST_MESSAGE]}
    korean = korean_of_pydantic(error)
    return {**said, "message_ko": korean[:_LONGEST_MESSAGE]} if korean else said


def _where_broken(error: Mapping[str, Any], body: Any) -> str:
    position = int(error["loc"][-1])
    text = body if isinstance(body, str) else ""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"broken JSON at line {line}, column {column}: {error.get('ctx', {}).get('error', 'syntax error')}"


def _has_wrong_type(request: Request, error: RequestValidationError) -> bool:
    """FastAPI hands a body of another content type on as bytes, which no model takes."""
    return isinstance(error.body, bytes) and any(tuple(each["loc"]) == ("body",) for each in error.errors())


def _refused_body(message: str) -> Refused:
    return Refused(message, details={"errors": [{"field": "body", "message": message}]})

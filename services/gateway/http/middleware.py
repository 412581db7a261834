"""The ASGI middlewares that every request passes before it reaches a route, the outermost first.

    SecurityHeaders     what browsers may do with the answer (shared.http.security_headers)
    ClientAddress       the client's address, also behind trusted proxies (shared.http.client_address)
    RequestScope        id, language and log context; X-Request-ID, Content-Language and X-Debug-Info in the answer
    UnexpectedErrors    an unhandled exception becomes a documented 500 and one log entry
    RequestCount        the documented request metric
    Gate                refuses foreign hosts and origins (shared.http.gate)
    HeadBounds          refuses a path, a query or headers that are too large (shared.http.head_bounds)
    ModeChoice          reads X-Demo-Mode, or `?demo=` for a socket
    RefusedCalls        notes refused and failed calls for the audit trail (audit.middleware)
    AddressLimit        bounds the calls of one address, and credentials that prove nothing (limits)
    Authentication      finds out who calls (access.authentication)
    IdentityLimit       bounds the calls of one person or key (limits)
    SocketLimit         bounds the open sockets of one caller and of one address (limits)
    BodyLimit           refuses a body that is too large or too slow before it is parsed (bodies)
    JsonBody            refuses a body that isn't JSON (bodies)
    Admission           bounds the calls of the API that are in work and that wait (limits)

They are pure ASGI, because Starlette's function middlewares run each request in a task of its own, and a context
variable that a route sets isn't visible outside of that task.
"""

from collections.abc import Callable
from urllib.parse import parse_qs

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.http.errors import invalid
from services.gateway.http.request_context import RequestContext
from services.gateway.http.responses import error_response
from shared.errors import EcpError, Overloaded, Refused
from shared.identity.caller import Role
from shared.messages import sentence
from shared.subjects import Mode

_log = structlog.get_logger(__name__)
REQUEST_ID = "X-Request-ID"
DEBUG_INFO = "X-Debug-Info"
DEMO_MODE = "X-Demo-Mode"
FOREIGN_PAGES_SEND = ("Authorization", "Idempotency-Key", "If-Match", "If-None-Match", DEMO_MODE, REQUEST_ID, "X-Debug")
"""Request headers that pages of CORS_ORIGINS may send, besides those that every page may send."""
_LIMITS = ("RateLimit", "RateLimit-Policy", "Retry-After")
FOREIGN_PAGES_READ = ("Content-Disposition", "ETag", "WWW-Authenticate", *_LIMITS, REQUEST_ID, DEBUG_INFO)
"""Response headers that pages of CORS_ORIGINS may read."""
_REQUEST_ID_RULE = "must be 1 to 128 letters, digits or any of . _ : / + = @ -, beginning with a letter or digit"
BAD_REQUEST_CLOSE = 4400
"""The close code of a socket whose URL is invalid."""


class RequestScope:
    """Creates the context of a request or of a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID)
        usable = given is None or request_context.is_request_id(given)
        request = RequestContext(
            request_id=given if given is not None and usable else request_context.new_request_id(),
            language=request_context.language_of(headers.get("accept-language", "")),
            debug=headers.get("x-debug", "").lower() == "true",
            address=(scope.get("client") or ("",))[0],
            user_agent=headers.get("user-agent", ""),
        )
        with (
            request_context.requesting(request),
            structlog.contextvars.bound_contextvars(correlation_id=request.request_id),
        ):
            sender = _with_headers(send, request) if scope["type"] == "http" else send
            if usable:
                await self._app(scope, receive, sender)
            else:
                unusable = sentence("request-id-unusable", _REQUEST_ID_RULE)
                await _refuse(scope, receive, sender, invalid(REQUEST_ID, unusable))


class UnexpectedErrors:
    """Answers an unhandled exception with INTERNAL, a failed allocation with OVERLOADED. The exception is logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = started or message["type"] in ("http.response.start", "websocket.accept")
            await send(message)

        try:
            await self._app(scope, receive, watching)
        except Exception as error:
            _log.exception("Unhandled exception in a request", action="request-failed", path=scope.get("path"))
            if scope["type"] == "http" and not started:
                await error_response(_answer(error))(scope, receive, send)
            elif scope["type"] == "websocket" and started:
                await send({"type": "websocket.close", "code": 1011})


class RequestCount:
    """Calls `count` with the tenant id, method and status of each request to the API."""

    def __init__(self, app: ASGIApp, count: Callable[[str | None, str, int], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(request_context.current().tenant_id, scope["method"], message["status"])
            await send(message)

        await self._app(scope, receive, counting)


class ModeChoice:
    """Reads the mode of a request. Without X-Demo-Mode it is production."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            mode = _mode(scope)
        except Refused as error:
            await _refuse(scope, receive, send, error)
            return
        request = request_context.current()
        request.mode, request.mode_is_given = mode or Mode.PRODUCTION, mode is not None
        with structlog.contextvars.bound_contextvars(mode=request.mode.value):
            await self._app(scope, receive, send)


def _answer(error: Exception) -> EcpError:
    """A lack of memory passes: other requests end, or a supervisor restarts the process. So it is worth a retry."""
    if isinstance(error, MemoryError):
        return Overloaded("gateway", "no memory is left for this request; send it again later")
    return EcpError("an internal error occurred; the log has the details under this request id")


def _with_headers(send: Send, request: RequestContext) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = request.request_id
            if request.languages:
                headers["Content-Language"] = ", ".join(sorted(request.languages))
                headers.add_vary_header("Accept-Language")
            # Timings tell of the inside, and of other callers' load.
            if request.debug and request.caller.has(Role.ADMIN):
                headers[DEBUG_INFO] = orjson.dumps(_debug_info(request)).decode()
        await send(message)

    return adding


def _debug_info(request: RequestContext) -> dict[str, object]:
    """Timings and the workers that answered. No data of the request or the database."""
    steps = {**request.steps, "total": request.elapsed_ms}
    return {"request_id": request.request_id, "mode": request.mode, "steps_ms": steps, "workers": request.workers}


def _mode(scope: Scope) -> Mode | None:
    """The mode that the client chose, or None. Raises Refused for another value."""
    given = Headers(scope=scope).getlist(DEMO_MODE)
    if scope["type"] == "websocket":
        given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("demo", given)
    values = {value.strip().lower() for value in given}
    if not values:
        return None
    if len(values) > 1 or not values <= {"true", "false"}:
        raise Refused(
            f"{DEMO_MODE} must be true (demo) or false (production); without it the mode is production",
            code="INVALID_MODE",
            details={"allowed": ["true", "false"]},
        )
    return Mode.DEMO if "true" in values else Mode.PRODUCTION


async def _refuse(scope: Scope, receive: Receive, send: Send, error: Refused) -> None:
    if scope["type"] == "http":
        await error_response(error)(scope, receive, send)
        return
    # Accept first: a browser shows the close code to the page, but not why a handshake failed.
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": BAD_REQUEST_CLOSE, "reason": error.code})

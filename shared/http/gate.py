"""The rules of `origins` before an application, for requests and WebSockets, and CORS for the origins that may.

Each service answers a refusal in its own shape. Starlette's CORSMiddleware does the preflights and headers; it alone
would let a foreign POST through, whose answer the page can't read but whose effect stays.
"""

from collections.abc import Callable, Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Refused
from shared.http.origins import Rules

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SCHEMES: dict[str, str] = {"ws": "http", "wss": "https"}


class Gate:
    """Serves our own hosts and pages, and those of others that are configured."""

    def __init__(
        self,
        app: ASGIApp,
        rules: Rules,
        refuse: Callable[[Refused], ASGIApp],
        *,
        request_headers: Collection[str] = ("*",),
        exposed_headers: Collection[str] = (),
    ) -> None:
        """`refuse` makes the answer to a refusal: 421 for a host, 403 for an origin.

        `request_headers` are what a foreign page may send, `exposed_headers` what it may read.
        """
        self._app = app
        self._rules = rules
        self._refuse = refuse
        self._shared = CORSMiddleware(
            app,
            # Every origin that comes here is one that may.
            allow_origin_regex=".*",
            allow_methods=_METHODS,
            allow_headers=request_headers,
            expose_headers=exposed_headers,
            allow_private_network=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            is_foreign = self._check(scope)
        except Refused as error:
            await self._refuse(error)(scope, receive, _varying(send))
            return
        if is_foreign:
            await self._shared(scope, receive, send)
        else:
            await self._app(scope, receive, _varying(send))

    def _check(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        scheme: str = scope.get("scheme") or "http"
        host = self._rules.check_host(headers.getlist("host"))
        return self._rules.check_origin(headers.getlist("origin"), host, _SCHEMES.get(scheme, scheme))


def _varying(send: Send) -> Send:
    """What a cache keeps for one origin is no answer for another one."""

    async def varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            MutableHeaders(scope=message).add_vary_header("Origin")
        await send(message)

    return varying

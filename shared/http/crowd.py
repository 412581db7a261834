"""Answers what came when there were enough connections or sockets: 503 at once, and `/health` all the same."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Overloaded
from shared.http.connections import CROWDED

_ALWAYS = ("/health", "/ready", "/metrics", "/healthz", "/livez", "/readyz")


class Crowd:
    """Serves as many WebSockets as there may be, and requests of connections that `connections` has room for."""

    def __init__(self, app: ASGIApp, most_sockets: Callable[[], int], refuse: Callable[[Overloaded], ASGIApp]) -> None:
        """`refuse` makes the service's answer of 503."""
        self._app = app
        self._most_sockets = most_sockets
        self._refuse = refuse
        self._sockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http" and scope.get("state", {}).get(CROWDED) and scope["path"] not in _ALWAYS:
            busy = Overloaded("connections", "there are as many as can be served")
            await self._refuse(busy)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._sockets >= self._most_sockets():
            await self._refuse(Overloaded("sockets", "as many are open as may be"))(scope, receive, send)
            return
        self._sockets += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets -= 1

"""The port with TLS as an ASGI middleware: every request needs a bearer token, but for probes and the pages of the API.

The server marks the requests of this port in the state of their scope, so that no header can make one look like a
request of the other port, which needs no token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.simulator.api import errors
from services.simulator.api.access.request_access import Access
from services.simulator.api.access.rules import Attributes
from services.simulator.api.access.users import User
from services.simulator.api.errors import ApiError
from services.simulator.api.routing.requests import split_cluster
from shared.http.api_pages import ADDRESSES

SECURE: Final = "secure"
"""In the `state` of the scope of each request by this port."""
USER: Final = "user"
"""The same, for the user that its token proves."""
_PUBLIC: Final = frozenset({"/health", "/ready", "/healthz", "/livez", "/readyz", "/openapi.json", *ADDRESSES})
_PRODUCT: Final = ("/metrics", "/api/metrics", "/api/v1/metrics/", "/api/v1/external-metrics")

Identify = Callable[[str, str], Awaitable[User | None]]
"""The user that a token proves in a cluster; None if it proves none."""


class SecurePort:
    """Asks who sends a request, and whether they may use the product's own paths; the API asks for its resources."""

    def __init__(self, app: ASGIApp, identify: Identify, access: Callable[[User, str], Access]) -> None:
        """`access` has the rights of a user in a cluster."""
        self._app = app
        self._identify = identify
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_secure = scope["type"] in ("http", "websocket") and scope.get("state", {}).get(SECURE)
        if not is_secure or scope["path"] in _PUBLIC:
            await self._app(scope, receive, send)
            return
        try:
            user = await self._user(scope)
            if scope["path"].startswith(_PRODUCT):
                wanted = Attributes(scope.get("method", "get").lower(), path=scope["path"])
                self._access(user, "default").require(wanted)
        except ApiError as error:
            await _refusal(error, scope)(scope, receive, send)
            return
        await self._app({**scope, "state": {**scope["state"], USER: user}}, receive, send)

    async def _user(self, scope: Scope) -> User:
        """Raises ApiError 401."""
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        cluster, _ = split_cluster(scope["path"])
        user = await self._identify(cluster, token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.unauthorized()
        return user


def _refusal(error: ApiError, scope: Scope) -> ASGIApp:
    if scope["type"] == "websocket":
        return _closed
    headers = {"WWW-Authenticate": "Bearer"} if error.code == 401 else {}
    return Response(orjson.dumps(error.status), error.code, headers, media_type="application/json")


async def _closed(scope: Scope, receive: Receive, send: Send) -> None:
    """Before it is accepted: the client gets a 403."""
    await send({"type": "websocket.close", "code": 1008})

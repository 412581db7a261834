"""A bound for requests in flight, as a real API server has it (`--max-requests-inflight` and its like).

Kubernetes has no rates: a client beyond the bound is told to try again, and client-go does. Watches and followed logs
are long-running and don't count; connections bound them (shared.http.connections).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

MOST: Final = 600
"""The sum of a real server's defaults: 400 that read and 200 that write."""
_ALWAYS: Final = frozenset({"/health", "/ready", "/metrics", "/healthz", "/livez", "/readyz"})
_LONG_RUNNING: Final = ("watch", "follow")
_FALSE: Final = ("", "0", "false")


class InFlight:
    """Refuses requests while `most` are being answered; never a probe."""

    def __init__(self, app: ASGIApp, refuse: Callable[[], ASGIApp], most: int = MOST) -> None:
        """`refuse` makes the answer of 429."""
        self._app = app
        self._refuse = refuse
        self._most = most
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS or _is_long_running(scope):
            await self._app(scope, receive, send)
            return
        if self._in_flight >= self._most:
            await self._refuse()(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1


def _is_long_running(scope: Scope) -> bool:
    if b"watch" not in scope["query_string"] and b"follow" not in scope["query_string"]:
        return False
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return any(query.get(name, ["false"])[-1].lower() not in _FALSE for name in _LONG_RUNNING)

"""From which address a request comes, also behind proxies that are trusted.

`X-Forwarded-For` can be sent by anyone, so it counts only from a configured proxy, and of its entries the last one that
isn't such a proxy. uvicorn's own rule trusts every program on this machine, which could then choose its address, and
with it whose limits it uses up.
"""

import math
import time
from collections.abc import Callable, Sequence

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.addresses import Network, is_in, parsed_address

_log = structlog.get_logger(__name__)
_REPORT_EVERY = 600.0
"""Seconds."""
_MOST_HOPS = 20
"""Entries of X-Forwarded-For that are read, from the end."""


def client_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client's address: `peer`, or what trusted proxies report of it in their X-Forwarded-For headers."""
    hops = [each.strip() for each in ",".join(forwarded).split(",")][-_MOST_HOPS:]
    client = peer
    while hops and is_in(client, trusted):
        named = parsed_address(hops.pop())
        if named is None:
            break
        client = str(named)
    return client


class ClientAddress:
    """Replaces the peer's address in a scope by the client's, and reports proxies that aren't trusted."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds."""
        self._app = app
        self._trusted = trusted
        self._clock = clock
        self._reported_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope.get("client"):
            peer, port = scope["client"]
            forwarded = Headers(scope=scope).getlist("x-forwarded-for")
            if forwarded and not is_in(peer, self._trusted):
                self._report(peer)
            elif forwarded:
                client = client_of(peer, forwarded, self._trusted)
                scope = {**scope, "client": (client, port if client == peer else 0)}
        await self._app(scope, receive, send)

    def _report(self, peer: str) -> None:
        """Log it now and then: a client can send the header, too, so it is a hint and must not fill the log."""
        if self._clock() - self._reported_at < _REPORT_EVERY:
            return
        self._reported_at = self._clock()
        english = (
            f"Requests of {peer} have X-Forwarded-For, which is ignored: if it is your proxy, name it in "
            "TRUSTED_PROXIES; until then all clients behind it share the limits of one address."
        )
        _log.warning(english, action="proxy-not-trusted", peer=peer)

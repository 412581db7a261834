"""How many WebSockets one caller and one address may have open, so that none can hold all that there may be.

It comes behind authentication: a socket without a valid credential has been closed before. Addresses of this machine
have no bound, as with connections (shared.http.connections).
"""

from collections import Counter
from collections.abc import Callable, Iterator

from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.http.holders import address_of, identity_of
from services.gateway.limits.refusals import close_socket

POLICY = "sockets"


class SocketLimit:
    """Closes a socket with 1013 while its caller or its address has as many as it may have."""

    def __init__(self, app: ASGIApp, per_caller: int, per_address: int, count_refusal: Callable[[str], None]) -> None:
        """`count_refusal` gets the policy's name."""
        self._app = app
        self._per_caller = per_caller
        self._per_address = per_address
        self._count_refusal = count_refusal
        self._open = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        holders = dict(self._holders(scope))
        if any(self._open[holder] >= most for holder, most in holders.items()):
            self._count_refusal(POLICY)
            await close_socket("TOO_MANY_SOCKETS", receive, send)
            return
        self._open.update(holders.keys())
        try:
            await self._app(scope, receive, send)
        finally:
            self._release(holders)

    def _holders(self, scope: Scope) -> Iterator[tuple[str, int]]:
        """Whose socket it is, each with the largest number that it may have."""
        if identity := identity_of(request_context.current().caller):
            yield identity, self._per_caller
        if address := address_of(scope):
            yield address, self._per_address

    def _release(self, holders: dict[str, int]) -> None:
        for holder in holders:
            self._open[holder] -= 1
            if not self._open[holder]:
                del self._open[holder]

"""The credential of a WebSocket, whose header a browser can't set: a subprotocol or a ticket in the URL.

    new WebSocket(url, ["ecp.v1", "bearer." + token])
    new WebSocket(url + "?ticket=" + ticket)

The answer names the subprotocol `ecp.v1`, never the other one, which is the token. A browser that offered subprotocols
and gets none closes the socket, so a page has to offer both. What is in a URL counts as a ticket and nothing else: a
token or a key there would stay in logs.
"""

from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.identity.verifiers import unauthorized

SUBPROTOCOL = "ecp.v1"
TICKET = "ticket "
"""Before a ticket, as a credential: no header has a credential with a space."""
_BEARER = "bearer."


def socket_credential(scope: Scope) -> str | None:
    """The credential of a socket without an `Authorization` header. Raises Refused (UNAUTHORIZED) for more than one."""
    given = _given(scope)
    if len(given) > 1:
        raise unauthorized("credentials-several", "send one credential, as a subprotocol or as a ticket")
    return given[0] if given else None


def any_socket_credential(scope: Scope) -> str:
    """The first credential of a socket, or an empty text: for limits, which count what is no use, too."""
    return next(iter(_given(scope)), "")


def _given(scope: Scope) -> Sequence[str]:
    tokens = [each.removeprefix(_BEARER) for each in scope.get("subprotocols", ()) if each.startswith(_BEARER)]
    tickets = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [])
    return [*tokens, *(TICKET + each for each in tickets)]


class Subprotocol:
    """Answers a socket that offers `ecp.v1` with it, wherever it is accepted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or SUBPROTOCOL not in scope.get("subprotocols", ()):
            await self._app(scope, receive, send)
            return

        async def choosing(message: Message) -> None:
            is_accepted = message["type"] == "websocket.accept"
            await send({**message, "subprotocol": SUBPROTOCOL} if is_accepted else message)

        await self._app(scope, receive, choosing)

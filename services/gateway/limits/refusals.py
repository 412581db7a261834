"""The answer to a call beyond a rate: 429 with `Retry-After`, or for a socket the close code that browsers show."""

from starlette.types import Receive, Scope, Send

from services.gateway.http.responses import error_response
from services.gateway.limits.rates import Count, Rate
from shared.errors import Refused

_TRY_AGAIN = 1013
"""The registered close code for a server that can't serve now."""


async def refuse(rate: Rate, identity: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer instead of the application."""
    if scope["type"] == "websocket":
        await close_socket("RATE_LIMITED", receive, send)
        return
    count = await rate.count(identity)
    await error_response(_refused(rate, count), rate.headers(count))(scope, receive, send)


async def close_socket(reason: str, receive: Receive, send: Send) -> None:
    """Accept a socket and close it at once: a browser shows the close code to the page, but not a failed handshake."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": _TRY_AGAIN, "reason": reason})


def _refused(rate: Rate, count: Count) -> Refused:
    return Refused(
        f"more than {rate.amount} calls a minute ({rate.name}); send the next one in {count.seconds} s",
        code="RATE_LIMITED",
        details={"policy": rate.name, "limit": rate.amount, "retry_after": count.seconds},
    )

"""The limit of one identity, after authentication: a person or a key, however many addresses it uses."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.limits.rates import Rate
from services.gateway.limits.refusals import refuse
from shared.identity.caller import CallerKind

_UNLIMITED = (CallerKind.NONE, CallerKind.LOCAL)
"""Public calls have the limit of their address alone."""


class IdentityLimit:
    """Counts the calls of each caller, and tells it how many are left."""

    def __init__(self, app: ASGIApp, rate: Rate, count_refusal: Callable[[str], None]) -> None:
        """`count_refusal` gets the policy's name."""
        self._app = app
        self._rate = rate
        self._count_refusal = count_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = request_context.current().caller
        if scope["type"] not in ("http", "websocket") or caller.kind in _UNLIMITED:
            await self._app(scope, receive, send)
            return
        identity = f"{caller.kind}:{caller.subject}"
        if not await self._rate.hit(identity):
            self._count_refusal(self._rate.name)
            await refuse(self._rate, identity, scope, receive, send)
            return
        headers = self._rate.headers(await self._rate.count(identity))

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, telling)

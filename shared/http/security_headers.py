"""Headers that limit what a browser may do with our answers, and who may keep them.

Every answer gets them: JSON as well, because a browser that is sent to an address shows whatever is there. A page has a
policy of its own (`Content-Security-Policy`), which stays; anything else may load, run and be embedded nowhere.
"""

from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.fixed_headers import ALWAYS

_CACHE: Final = b"cache-control"
YEAR: Final = 365 * 24 * 3600
"""Seconds."""


class SecurityHeaders:
    """Adds the headers to each answer that doesn't have its own."""

    def __init__(
        self, app: ASGIApp, hsts_seconds: int | None = None, is_private: Callable[[], bool] = lambda: False
    ) -> None:
        """`hsts_seconds` is how long browsers use only HTTPS for this host; None leaves that open.

        `is_private` tells whether the current answer is for an authenticated caller: then nothing may store it.
        """
        self._app = app
        named = dict(ALWAYS)
        if hsts_seconds is not None:
            named["Strict-Transport-Security"] = f"max-age={hsts_seconds}"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]
        self._is_private = is_private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._complete(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, adding)

    def _complete(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers with those that they lack. ASGI has names in lower case."""
        own = {name for name, _ in headers}
        complete = [*headers, *(each for each in self._headers if each[0] not in own)]
        if self._is_private():
            return [*(each for each in complete if each[0] != _CACHE), (_CACHE, b"no-store")]
        return complete

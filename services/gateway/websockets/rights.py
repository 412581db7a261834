"""Ends a socket when the rights of its caller end, while it is open.

A socket lives longer than the check when it was opened: its token expires, its key is revoked, a grant is taken away.
So the caller is proven again every few seconds. If that can't be known, because the database or the provider is away,
the socket stays open for a while and is then closed for a retry: an outage must not keep a revoked key's sockets.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from services.gateway.http import request_context
from services.gateway.websockets.connection import TRY_AGAIN
from shared.errors import Refused, TemporaryError
from shared.process.tasks import cancel_until_ended

UNAUTHENTICATED = 4401
FORBIDDEN = 4403
_LONGEST_DOUBT = 60.0
"""Seconds without an answer to whether the caller still has its rights."""

IsVisible = Callable[[], Awaitable[bool]]
"""Whether what the socket is about still exists for the caller."""


class RightsEnded(Exception):
    """The caller may not have this socket any more. `code` is the close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def with_rights(watch: Coroutine[object, object, bool], is_visible: IsVisible, *, every: float) -> bool:
    """The result of `watch`, which serves the socket. Raises RightsEnded; then `watch` has been cancelled.

    `every` is in seconds. While authentication is off nothing can end.
    """
    if request_context.current().recheck is None:
        return await watch
    serving = asyncio.ensure_future(watch)
    guard = asyncio.create_task(until_rights_end(is_visible, every=every))
    try:
        await asyncio.wait({serving, guard}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            return serving.result()
        raise guard.result()
    finally:
        await cancel_until_ended((serving, guard))


async def until_rights_end(is_visible: IsVisible, *, every: float) -> RightsEnded:
    """Check the caller of the current request until its rights end; what ended them."""
    loop = asyncio.get_running_loop()
    known_at = loop.time()
    while True:
        await asyncio.sleep(every)
        try:
            ended = await _check(is_visible)
        except TemporaryError as error:
            if loop.time() - known_at > max(_LONGEST_DOUBT, every):
                return RightsEnded(TRY_AGAIN, error.message)
            continue
        if ended is not None:
            return ended
        known_at = loop.time()


async def _check(is_visible: IsVisible) -> RightsEnded | None:
    request = request_context.current()
    assert request.recheck is not None  # noqa: S101 - `with_rights` has looked
    try:
        request.caller = await request.recheck()
    except Refused as error:
        return RightsEnded(UNAUTHENTICATED, error.code)
    return None if await is_visible() else RightsEnded(FORBIDDEN, "FORBIDDEN")

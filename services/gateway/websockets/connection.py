"""Serves the two directions of a socket, sending and receiving, until one of them ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from services.gateway.websockets.shared_text import encode
from shared.http.websocket_connections import WRITE_EXTENSION
from shared.reading import InvalidText, parse_json

FORBIDDEN = 4403
"""The caller's role doesn't permit this socket."""
NOT_FOUND = 4404
TOO_MUCH = 1008
"""The registered close code for a violated policy: too many messages."""
TRY_AGAIN = 1013
"""The registered close code for a server that is temporarily unable to serve."""
_LONGEST_REASON = 123
"""Bytes: a close frame has at most 125, two of them for the code (RFC 6455)."""
_BURST = 100
_MESSAGES_A_SECOND = 10

Send = Callable[[str], Awaitable[None]]
"""Sends a text."""
Write = Callable[[str], bool]
"""Sends a text at once; False if the socket isn't ready for one."""
Receive = Callable[[Any], dict[str, Any] | None]
"""Handles a client's message (parsed JSON); returns an answer, or None."""


class MessageAllowance:
    """A token bucket for a client's messages: a burst, then a constant rate. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(_BURST)
        self._at = clock()

    def take(self) -> bool:
        """Take a token; False if there is none."""
        now = self._clock()
        self._left = min(_BURST, self._left + (now - self._at) * _MESSAGES_A_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def writer(websocket: WebSocket) -> Write | None:
    """Sends past the middlewares, where our server serves the socket; None elsewhere."""
    write: Write | None = websocket.scope.get("extensions", {}).get(WRITE_EXTENSION)
    return write


async def serve(websocket: WebSocket, send_all: Callable[[Send], Awaitable[None]], receive: Receive) -> None:
    """Run `send_all` until it ends or the client disconnects, and pass the client's messages to `receive`."""
    allowance = MessageAllowance(asyncio.get_running_loop().time)
    exceeded = False

    async def listen() -> None:
        nonlocal exceeded
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not allowance.take():
                exceeded = True
                return
            answer = receive(_parse(message))
            if answer is not None:
                await websocket.send_text(encode(answer))

    tasks = {asyncio.ensure_future(send_all(websocket.send_text)), asyncio.create_task(listen())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        # The client disconnected while we were sending. Everything else is an error of ours.
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | OSError):
            raise result
    if exceeded:
        await close(websocket, TOO_MUCH, f"more than {_MESSAGES_A_SECOND} messages a second")


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close the socket, unless the client has closed it. A long reason is cut."""
    short = reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")
    with suppress(RuntimeError, WebSocketDisconnect, OSError):
        await websocket.close(code, short)


def invalid_message(message: str) -> dict[str, Any]:
    """The answer to an invalid message; the socket stays open."""
    return {"type": "error", "error": {"code": "VALIDATION_ERROR", "message": message}}


def _parse(message: Any) -> Any:
    try:
        return parse_json(message.get("text") or message.get("bytes") or b"")
    except InvalidText:
        return None

"""The two directions of a socket: what we send, and what we hear, until one of them ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from shared.reading import InvalidText, parse_json

NOT_FOUND = 4404
TOO_MUCH = 1008
"""The registered code for a client that breaks a rule: more messages than anybody needs."""
TRY_AGAIN = 1013
"""The registered code for a server that can't right now."""
_BURST = 100
_MESSAGES_A_SECOND = 10

Send = Callable[[dict[str, Any]], Awaitable[None]]
Hear = Callable[[Any], dict[str, Any] | None]
"""Takes what the client said, as JSON, and gives an answer or none."""


class Allowance:
    """How many messages a client may send: a burst, and so many a second after it. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(_BURST)
        self._at = clock()

    def take(self) -> bool:
        """Whether another message is within the allowance."""
        now = self._clock()
        self._left = min(_BURST, self._left + (now - self._at) * _MESSAGES_A_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def converse(websocket: WebSocket, talk: Callable[[Send], Awaitable[None]], hear: Hear) -> None:
    """Run `talk` until it ends or the client leaves, and give `hear` what the client says."""

    async def send(message: dict[str, Any]) -> None:
        await websocket.send_text(orjson.dumps(message, option=orjson.OPT_UTC_Z).decode())

    allowance = Allowance(asyncio.get_running_loop().time)
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
            answer = hear(_parse(message))
            if answer is not None:
                await send(answer)

    tasks = {asyncio.ensure_future(talk(send)), asyncio.create_task(listen())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        # A client that is gone, seen while sending; anything else is a failure of ours.
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | OSError):
            raise result
    if exceeded:
        await close(websocket, TOO_MUCH, f"more than {_MESSAGES_A_SECOND} messages a second")


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close, if the client hasn't."""
    with suppress(RuntimeError, WebSocketDisconnect, OSError):
        await websocket.close(code, reason[:120])


def complaint(message: str) -> dict[str, Any]:
    """What a client gets that says something odd; the socket stays open."""
    return {"type": "error", "error": {"code": "VALIDATION_ERROR", "message": message}}


def _parse(message: Any) -> Any:
    try:
        return parse_json(message.get("text") or message.get("bytes") or b"")
    except InvalidText:
        return None

"""A WebSocket's connection, with a bound that uvicorn doesn't have: a client that doesn't read is left.

A text that goes to many sockets is framed once, and may be written without ASGI's `send`, by the function that the
scope has as an extension. The price is a second way to send, which knows that we use no extension of WebSockets and no
fragments. It saves four fifths of the CPU time of a message in our process.

In a module of its own, because it needs the package `websockets`, which only the gateway's image has.
"""

import asyncio
from functools import lru_cache
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from shared.http.connections import ConnectionLimits


def bounded_socket(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """The value of uvicorn's `ws` setting."""
    return type("BoundedWebSocket", (BoundedSocket,), {"limits": limits})


WRITE_EXTENSION = "ecp.write"
"""Of ASGI's scope: a function that writes a text at once, or returns False if the socket isn't ready for one."""


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose client is left if it doesn't read: after a missed ping uvicorn closes, and waits to flush."""

    limits = ConnectionLimits()
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.began = self.loop.time()

    @property
    def may_end(self) -> bool:
        """Whether it makes room for others (`connections.make_room`): its client only owes the answer to our close."""
        return self.close_sent

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[WRITE_EXTENSION] = self.write

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] != "websocket.send" or (text := message.get("text")) is None or not self.write(text):
            await super().send(message)

    def write(self, text: str) -> bool:
        """Write a text at once; False if the socket isn't ready for one."""
        if not self._is_ready():
            return False
        self.transport.write(_framed(text))
        return True

    def _is_ready(self) -> bool:
        """Whether a frame may be written at once: nothing waits, and the handshake is done and the end not begun."""
        is_open = self.handshake_complete and not self.close_sent and self.conn.state is State.OPEN
        return is_open and not self.disconnected and self.writable.is_set() and not self.conn.extensions

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._writing is not None:
            self._writing.cancel()


@lru_cache(maxsize=16)
def _framed(text: str) -> bytes:
    """The frame of a text, as a server sends it. Few are kept: sockets of one topic send the same text in one turn."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False, extensions=())

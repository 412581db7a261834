"""A WebSocket's connection, with a bound that uvicorn doesn't have: a client that doesn't read is left.

In a module of its own, because it needs the package `websockets`, which only the gateway's image has.
"""

import asyncio

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from shared.http.connections import ConnectionLimits


def bounded_socket(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """The value of uvicorn's `ws` setting."""
    return type("BoundedWebSocket", (BoundedSocket,), {"limits": limits})


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose client is left if it doesn't read: after a missed ping uvicorn closes, and waits to flush."""

    limits = ConnectionLimits()
    _writing: asyncio.TimerHandle | None = None

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

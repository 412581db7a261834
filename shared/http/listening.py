"""The server's socket, and what it does when the process has no file descriptor left.

asyncio then logs a traceback for each of a backlog of 2048 connections, stops to listen for a second, and repeats that.
Here one descriptor is kept for that moment: the connection is accepted, told 503 and closed, an idle one is ended, and
the log has a line at most every ten seconds.
"""

import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
import uvicorn

from shared.http.connections import make_room

_log = structlog.get_logger(__name__)
_BACKLOG = 256
_LOG_EVERY = 10.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Sparing(logging.Filter):
    """Keeps what any client can cause from filling the log.

    uvicorn reports a refused WebSocket as an application's error, and each request that isn't HTTP, or offers HTTP/2
    by an upgrade, by a line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logged_at = -_LOG_EVERY

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.msg == "ASGI callable returned without completing handshake.":
            return False
        if record.msg not in ("Invalid HTTP request received.", "Unsupported upgrade request."):
            return True
        is_due = record.created - self._logged_at >= _LOG_EVERY
        self._logged_at = record.created if is_due else self._logged_at
        return is_due


_SPARING = _Sparing()


class ListeningSocket(socket.socket):
    """A listening socket that never fails for want of descriptors. `exhausted` is called when there are none."""

    def __init__(self, bound: socket.socket, exhausted: Callable[[], object]) -> None:
        super().__init__(bound.family, bound.type, bound.proto, fileno=bound.detach())
        self.set_inheritable(False)
        self._exhausted = exhausted
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._refused = 0
        self._logged_at = -_LOG_EVERY

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. BlockingIOError, which ends asyncio's turn, if there is none or no descriptor for it."""
        self._keep_spare()
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._refuse_next(error)
            raise BlockingIOError from error

    def close(self) -> None:
        self._release_spare()
        super().close()

    def _refuse_next(self, error: OSError) -> None:
        self._refused += 1
        self._release_spare()
        with suppress(OSError):
            connection, _ = super().accept()
            with connection:
                connection.setblocking(False)
                connection.send(_BUSY)
        self._keep_spare()
        self._exhausted()
        if (now := time.monotonic()) - self._logged_at >= _LOG_EVERY:
            self._logged_at = now
            text = f"Connections are refused, {self._refused} so far: {error.strerror}; raise the limit (ulimit -n)"
            _log.warning(text, action="no-descriptors", refused=self._refused)

    def _keep_spare(self) -> None:
        if self._spare is None:
            with suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _release_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


class HttpServer(uvicorn.Server):
    """uvicorn with such a socket. For what else is bounded its configuration needs `bounded`."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, on a socket of our own unless there is one."""
        logging.getLogger("uvicorn.error").addFilter(_SPARING)
        if sockets is None:
            self.config.backlog = _BACKLOG
            sockets = [ListeningSocket(self.config.bind_socket(), self._make_room)]
        await super().startup(sockets)

    def _make_room(self) -> None:
        make_room(self.server_state.connections)

"""The server's sockets, with TLS or without, and what it does when the process has no file descriptor left.

asyncio then logs a traceback for each of a backlog of 2048 connections, stops to listen for a second, and repeats that.
Here one descriptor is kept for that moment: the connection is accepted, told 503 and closed, an idle one is ended, and
the log has a line at most every ten seconds.
"""

import asyncio
import copy
import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
import uvicorn

from shared.http.bare_answers import bare_answer
from shared.http.connections import BoundedConnection, make_room
from shared.http.tls import ServerCertificate

_log = structlog.get_logger(__name__)
_BACKLOG = 256
_LOG_EVERY = 10.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BUSY = bare_answer(HTTPStatus.SERVICE_UNAVAILABLE)


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


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that is served: by TLS if it has a certificate. Requests have `state` in the `state` of their scope."""

    port: int
    certificate: ServerCertificate | None = None
    state: tuple[tuple[str, Any], ...] = ()


class ServerConfig(uvicorn.Config):
    """uvicorn's, with the ports that are served; without any it is `port`."""

    listeners: tuple[Listener, ...] = ()


class HttpServer(uvicorn.Server):
    """uvicorn with such sockets. For what else is bounded its configuration needs `bounded`."""

    _reloading: tuple[asyncio.Task[None], ...] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, on sockets of our own unless there are some."""
        logging.getLogger("uvicorn.error").addFilter(_SPARING)
        if sockets is not None:
            await super().startup(sockets)
            return
        self.config.backlog = _BACKLOG
        listeners = getattr(self.config, "listeners", ()) or (Listener(self.config.port),)
        bound = [(listener, self._bind(listener)) for listener in listeners]
        await super().startup([])
        self.started = False
        for listener, each in bound:
            self.servers.append(await self._listen(listener, each))
        self.started = True
        certificates = [listener.certificate for listener in listeners if listener.certificate is not None]
        self._reloading = tuple(asyncio.create_task(each.keep_current()) for each in certificates)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, and let requests end."""
        for task in self._reloading:
            task.cancel()
        await super().shutdown(sockets)

    def _bind(self, listener: Listener) -> ListeningSocket:
        config = copy.copy(self.config)
        config.port = listener.port
        return ListeningSocket(config.bind_socket(), self._make_room)

    async def _listen(self, listener: Listener, bound: ListeningSocket) -> asyncio.Server:
        protocol: Any = self.config.http_protocol_class
        connection = partial(
            protocol,
            config=self.config,
            server_state=self.server_state,
            app_state={**self.lifespan.state, **dict(listener.state)},
        )
        tls: dict[str, Any] = {}
        if listener.certificate is not None:
            # A client that doesn't finish the handshake is as one that doesn't send the head of its request.
            limits = getattr(protocol, "limits", BoundedConnection.limits)
            tls = {"ssl": listener.certificate.context, "ssl_handshake_timeout": limits.head_seconds}
        loop = asyncio.get_running_loop()
        return await loop.create_server(connection, sock=bound, backlog=self.config.backlog, **tls)

    def _make_room(self) -> None:
        make_room(self.server_state.connections)

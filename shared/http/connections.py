"""One connection of the HTTP server, with bounds that uvicorn doesn't have.

    idle       between two requests a connection is kept for `idle_seconds`
    head       a request's head must be there within `head_seconds` of the first byte (or of the connection)
    body       and its body within `body_seconds` of the head; else 408 and the end, so that 200 half requests are none
    answer     a client that doesn't read for `write_seconds` is left, unless its watch has nothing to read
    number     past `most()` connections the oldest that is idle, has no whole head or only owes what follows its
               answer (a body, a socket's close) makes room. If all are at work, the new one is marked: `crowd` answers
               it 503, and serves only `/health` and its like
    address    the same for the connections of one address past `per_address`, so that one client can't hold them all

The number follows the process's limit of file descriptors, of which some are kept for databases, NATS and files.
"""

import asyncio
import resource
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.http.addresses import Network, is_in, limited_part
from shared.http.bare_answers import bare_answer

CROWDED = "crowded"
"""The key in a scope's `state` of a connection that came when there were enough."""
_KEPT_CONNECTIONS = 16
"""For health checks, past `most()`."""
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of a process: connections, descriptors that are kept for other things, and seconds."""

    connections: int = 64
    kept_descriptors: int = 32
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    write_seconds: float = 60.0
    idle_seconds: int = 75
    """Longer than clients and proxies keep theirs (nginx 60 s): who closes first can't meet a request on its way."""
    per_address: int | None = None
    """Connections of one address (IPv6: of one /64); None bounds only their sum."""
    shared_addresses: tuple[Network, ...] = ()
    """Addresses with many clients behind them, which have no bound of their own: this machine and proxies."""

    def most(self) -> int:
        """Connections that are served now: fewer than configured where the process has few descriptors."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors == resource.RLIM_INFINITY:
            return self.connections
        return min(self.connections, max(_FEWEST, descriptors - self.kept_descriptors - _KEPT_CONNECTIONS))


def raise_descriptor_limit(limits: ConnectionLimits) -> None:
    """Allow this process as many descriptors as the limits want, if its hard limit does: the usual 1024 are few."""
    wanted = limits.connections + limits.kept_descriptors + _KEPT_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def bounded(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """The value of uvicorn's `http` setting."""
    return type("BoundedHttp", (BoundedConnection,), {"limits": limits})


class BoundedConnection(H11Protocol):
    """h11 under uvicorn, with deadlines. After an upgrade to a WebSocket its pings are the deadline."""

    limits = ConnectionLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.began = self.loop.time()
        self._waits_for: object = None
        self._is_upgraded = False
        self._deadline: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        if (beyond := self._beyond_bounds()) > _KEPT_CONNECTIONS:
            self._refuse(503)
            return
        if beyond:
            self.app_state = {**self.app_state, CROWDED: True}
        self._watch()

    def _beyond_bounds(self) -> int:
        """Connections past the bounds, of this address or of all. 0 if one of the same ends to make room."""
        of_address = self._of_address()
        if self.limits.per_address is not None and len(of_address) > self.limits.per_address:
            return _excess(of_address, self.limits.per_address, self)
        return _excess(self.connections, self.limits.most(), self)

    def _of_address(self) -> list[Any]:
        """The connections of this one's address, itself among them; none where they have no bound or can't reach it."""
        bound = self.limits.per_address
        if bound is None or len(self.connections) <= bound or not self.client:
            return []
        if is_in(self.client[0], self.limits.shared_addresses):
            return []
        address = limited_part(self.client[0])
        return [each for each in self.connections if _address_of(each) == address]

    @property
    def is_waiting(self) -> bool:
        """Whether no request is in progress: between two, or before the head of one is complete."""
        return bool(self.conn.their_state is h11.IDLE)

    @property
    def may_end(self) -> bool:
        """Whether it makes room for others: a body that follows its answer, as a 401, changes nothing any more."""
        return self.is_waiting or (self.cycle is not None and bool(self.cycle.response_complete))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on no deadline of a request holds; h11 would count the rest of it as owed for ever."""
        self._forget()
        self._is_upgraded = True
        super().handle_websocket_upgrade(event)
        # A handshake that its parser can't read (a POST, a line over 8 KiB) gets neither an answer nor an end from it.
        if not getattr(self.transport.get_protocol(), "handshake_initiated", True):
            self._refuse(400)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()

    def _watch(self) -> None:
        """Set the deadline of what the client owes now: a head, a body, or nothing."""
        if self._is_upgraded:
            return
        state = self.conn.their_state
        owed = (state, self.cycle) if self._owes_head() or state is h11.SEND_BODY else None
        if owed == self._waits_for and owed is not None:
            return
        self._waits_for = owed
        if self._deadline is not None:
            self._deadline.cancel()
        if owed is not None:
            seconds = self.limits.head_seconds if state is h11.IDLE else self.limits.body_seconds
            self._deadline = self.loop.call_later(seconds, self._expire)

    def _owes_head(self) -> bool:
        """Between two requests it owes none; uvicorn ends that by `timeout_keep_alive`."""
        return self.is_waiting and (self.cycle is None or bool(self.conn.trailing_data[0]))

    def _expire(self) -> None:
        if self.transport.is_closing():
            return
        began_request = bool(self.conn.trailing_data[0]) or not self.is_waiting
        answered = self.cycle is not None and self.cycle.response_started and not self.is_waiting
        if began_request and not answered:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """The end, with a status: the application learns of it as of a client that left."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
        self.transport.write(bare_answer(HTTPStatus(status)))
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Uvicorn's answer to what is no HTTP, with our headers."""
        self._refuse(400)

    def _forget(self) -> None:
        for timer in (self._deadline, self._writing):
            if timer is not None:
                timer.cancel()


def _address_of(connection: Any) -> str | None:
    """That of a connection's client, as far as limits count it; None of one that is lost."""
    return limited_part(connection.client[0]) if connection.client else None


def _excess(connections: Collection[Any], most: int, newest: object) -> int:
    beyond = len(connections) - most
    return 0 if beyond <= 0 or make_room(connections, but=newest) else beyond


def make_room(connections: Collection[Any], *, but: object = None) -> bool:
    """End the oldest connection with nothing in progress, an HTTP one or a socket; False if there is none."""
    idle = [
        each
        for each in connections
        if each is not but and getattr(each, "may_end", False) and not each.transport.is_closing()
    ]
    if not idle:
        return False
    min(idle, key=lambda each: each.began).transport.abort()
    return True

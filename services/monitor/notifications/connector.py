"""Calls to receivers, whose addresses come from outside: each address is checked when it is connected to.

The check stands where the socket is made: after DNS, for each address that is tried, also for one in numbers. A name
that resolves to a public address first and to a private one later gains nothing. TLS checks the URL's name as always.
Redirects aren't followed, the environment's proxies aren't used, and an answer is read up to a bound.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractCookieJar, AbstractResolver

from services.monitor.notifications.channels.http_call import HttpCall
from services.monitor.notifications.delivery_rules import Failure, failure_of_status
from services.monitor.notifications.receiver_names import ReceiverNames
from shared.alerts.addresses import is_refused, literal

TOTAL_SECONDS = 10.0
"""For a whole call: DNS, connection, TLS, sending and the answer's head."""
_CONNECT_SECONDS = 5.0
_MOST_ANSWER = 16 * 1024
"""Bytes of an answer that are read, so that its connection can be used again; they mean nothing."""
_ANSWER_SECONDS = 1.0
"""To wait for them. A receiver that has answered 200 got the notification, also if the rest never comes."""
_MOST_HEADER = 8 * 1024
_KEEP_SECONDS = 15.0
_AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]


class AddressRefused(OSError):
    """A receiver's name leads to an address that notifications may not go to."""


class ReceiverHttp:
    """The HTTP client of a monitor's notifications. Its errors are failures, and none is raised."""

    def __init__(
        self,
        *,
        allow_private: bool,
        most_connections: int,
        total_seconds: float = TOTAL_SECONDS,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`resolver` and `tls` are other ones than the system's."""
        self._allow_private = allow_private
        self._most = most_connections
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, connect=_CONNECT_SECONDS)
        self._resolver = resolver or ReceiverNames()
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=self._most,
            socket_factory=self._socket,
            use_dns_cache=False,
            keepalive_timeout=_KEEP_SECONDS,
            resolver=self._resolver,
            ssl=self._tls or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=_no_cookies(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=_MOST_HEADER,
            max_field_size=_MOST_HEADER,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def send(self, call: HttpCall) -> Failure | None:
        """Send; why it failed, or None. The reason never has the URL, which may be secret."""
        assert self._session is not None  # noqa: S101 - entered
        try:
            async with self._session.request(
                call.method, call.url, data=call.body, headers=call.headers, allow_redirects=False
            ) as answer:
                failure = failure_of_status(answer.status, answer.headers.get("retry-after"))
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await answer.content.read(_MOST_ANSWER)
                return failure
        except TimeoutError:
            return Failure("no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Failure(_reason(error))

    def _socket(self, info: _AddressInfo) -> socket.socket:
        """The socket for an address that may be connected to. Raises AddressRefused for another."""
        family, kind, protocol, _, place = info
        address = literal(str(place[0]))
        if address is None or is_refused(address, allow_private=self._allow_private):
            raise AddressRefused("its name leads to an address that notifications may not go to")
        return socket.socket(family, kind, protocol)


def _no_cookies() -> AbstractCookieJar:
    return aiohttp.DummyCookieJar()


def _reason(error: Exception) -> str:
    """A reason that names neither the address nor anything that the receiver sent."""
    causes: list[BaseException] = [error, *_below(error)]
    if any(isinstance(each, AddressRefused) for each in causes):
        return "refused: the address is private, loopback, link-local or a metadata service"
    for kind, reason in (
        (aiohttp.ClientConnectorCertificateError, "TLS: the certificate isn't valid for this name"),
        (aiohttp.ClientConnectorSSLError, "TLS: no secure connection"),
        (aiohttp.ClientConnectorDNSError, "DNS: the name doesn't resolve"),
        (ConnectionRefusedError, "the connection was refused"),
        (aiohttp.ClientConnectorError, "no connection"),
        (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    ):
        if any(isinstance(each, kind) for each in causes):
            return reason
    return f"no valid answer ({type(error).__name__})"


def _below(error: BaseException) -> list[BaseException]:
    """What caused an error, in aiohttp's and Python's places for it, groups included."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < 20:
        each = waiting.pop()
        parts = [getattr(each, "os_error", None), each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        new = [part for part in parts if isinstance(part, BaseException) and part not in found]
        found += new
        waiting += new
    return found

"""From which address a request comes, also behind proxies that are trusted.

`X-Forwarded-For` can be sent by anyone, so it counts only from a configured proxy, and of its entries the last one that
isn't such a proxy. uvicorn's own rule trusts every program on this machine, which could then choose its address, and
with it whose limits it uses up.
"""

import math
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_log = structlog.get_logger(__name__)
_REPORT_EVERY = 600.0
"""Seconds."""
_MOST_HOPS = 20
"""Entries of X-Forwarded-For that are read, from the end."""
_IPV6_SITE = 64
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""This machine."""


def proxy_network(text: str) -> Network:
    """A configured proxy or network of proxies. Raises ValueError."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: write addresses or networks, as 10.0.0.5 or 10.0.0.0/24") from error


def client_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client's address: `peer`, or what trusted proxies report of it in their X-Forwarded-For headers."""
    hops = [each.strip() for each in ",".join(forwarded).split(",")][-_MOST_HOPS:]
    client = peer
    while hops and is_in(client, trusted):
        named = _parse(hops.pop())
        if named is None:
            break
        client = str(named)
    return client


def limited_part(address: str) -> str:
    """What limits of addresses count by: an IPv4 address, or the /64 of an IPv6 one, which one site has as a whole."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _IPV6_SITE), strict=False))
    return address if parsed is None else str(parsed)


class ClientAddress:
    """Replaces the peer's address in a scope by the client's, and reports proxies that aren't trusted."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds."""
        self._app = app
        self._trusted = trusted
        self._clock = clock
        self._reported_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope.get("client"):
            peer, port = scope["client"]
            forwarded = Headers(scope=scope).getlist("x-forwarded-for")
            if forwarded and not is_in(peer, self._trusted):
                self._report(peer)
            elif forwarded:
                client = client_of(peer, forwarded, self._trusted)
                scope = {**scope, "client": (client, port if client == peer else 0)}
        await self._app(scope, receive, send)

    def _report(self, peer: str) -> None:
        """Log it now and then: a client can send the header, too, so it is a hint and must not fill the log."""
        if self._clock() - self._reported_at < _REPORT_EVERY:
            return
        self._reported_at = self._clock()
        english = (
            f"Requests of {peer} have X-Forwarded-For, which is ignored: if it is your proxy, name it in "
            "TRUSTED_PROXIES; until then all clients behind it share the limits of one address."
        )
        _log.warning(english, action="proxy-not-trusted", peer=peer)


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is one of the networks'; no text that isn't an address is."""
    parsed = _parse(address)
    return parsed is not None and any(parsed in each for each in networks)


def _parse(text: str) -> Address | None:
    """An address, as proxies write it: also `192.0.2.1:4711` and `[2001:db8::1]:4711`. IPv4 in IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed

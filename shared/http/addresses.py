"""Addresses as limits count them: an IPv4 address, or the /64 of an IPv6 one. Pure.

Apart from `client_address`, since the server needs it in images that have no web framework.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_IPV6_SITE = 64
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""This machine."""


def proxy_network(text: str) -> Network:
    """A configured proxy or network of proxies. Raises ValueError."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: write addresses or networks, as 10.0.0.5 or 10.0.0.0/24") from error


def limited_part(address: str) -> str:
    """What limits of addresses count by: an IPv4 address, or the /64 of an IPv6 one, which one site has as a whole."""
    parsed = parsed_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _IPV6_SITE), strict=False))
    return address if parsed is None else str(parsed)


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is one of the networks'; no text that isn't an address is."""
    parsed = parsed_address(address)
    return parsed is not None and any(parsed in each for each in networks)


def parsed_address(text: str) -> Address | None:
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

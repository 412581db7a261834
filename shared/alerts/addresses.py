"""Which addresses of the network a notification may go to. Pure.

A receiver's URL comes from outside. Without this check it could make the monitor call what only the monitor can reach:
other services, or the metadata service of a cloud, which hands out credentials. The check is made on the address that
is connected to, after DNS, since a name may resolve to another address at each question.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_METADATA = tuple(
    ip_network(each)
    for each in (
        "169.254.0.0/16",  # link-local, with the metadata of AWS, Azure, Google and OpenStack
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google
        "100.100.100.0/24",  # Alibaba
        "192.0.0.192/32",  # Oracle
        "168.63.129.16/32",  # Azure's host, a public address
    )
)
"""Refused always, also in development: no receiver of notifications lives there."""
_NEVER = tuple(ip_network(each) for each in ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"))
"""This network, multicast, reserved: nothing that has a connection."""
_PRIVATE = tuple(
    ip_network(each)
    for each in (
        "100.64.0.0/10",
        "192.88.99.0/24",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)
"""IANA's special-purpose addresses that Python's `is_global` of some version leaves out."""
_UNICAST = ip_network("2000::/3")
"""All of IPv6 that is routed publicly."""
_TRANSLATED = tuple(ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0/96", "::ffff:0:0:0/96"))
"""NAT64, IPv4-mapped and IPv4-translated: the last 32 bits are the IPv4 address that is meant."""
_COMPATIBLE = ip_network("::/96")


def is_refused(address: Address, *, allow_private: bool) -> bool:
    """Whether nothing may be sent to `address`, or to an IPv4 address inside of it."""
    return any(_is_refused(each, allow_private=allow_private) for each in _meant(address))


def literal(host: str) -> Address | None:
    """The address that a URL's host is, with or without brackets and zone; None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _is_refused(address: Address, *, allow_private: bool) -> bool:
    if _within(address, _METADATA) or _within(address, _NEVER):
        return True
    return not allow_private and not _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return (address in _UNICAST and not _within(address, _PRIVATE)) or _within(address, _TRANSLATED)
    return address.is_global and not _within(address, _PRIVATE)


def _within(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _meant(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses that a gateway or the kernel would make of it."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if _within(address, _TRANSLATED) or (address in _COMPATIBLE and int(address) > 0xFFFF):
        yield IPv4Address(int(address) & 0xFFFFFFFF)

"""Which hosts and origins a service answers. Pure.

Without these rules a web page that an operator visits could use the service with the operator's network: by a request
from its own origin, or by DNS rebinding, where the name of the attacker's host resolves to our address. An address or a
name without a dot can't be rebound, and a real name has to be configured.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from shared.errors import Refused

DEVELOPMENT_ORIGINS = frozenset(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 6390))
"""The guides' user interfaces."""

_CLUSTER_SUFFIXES = (".svc", ".svc.cluster.local")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.%]+\]|[^:\[\]]*)(:(?P<port>[0-9]{0,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@\s]+)")
_SHOWN = 100


class Authority(NamedTuple):
    """A host in lower case without a trailing dot, an IPv6 address without brackets; None where no port is given."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """Scheme, host and port of a web page."""

    scheme: str
    name: str
    port: int


def parse_authority(text: str) -> Authority | None:
    """The value of a `Host` header; None if it can't be one."""
    found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    name, port = found["name"], int(found["port"]) if found["port"] else None
    if name.startswith("["):
        name = name[1:-1]
        return Authority(name, port) if _is_address(name) else None
    return Authority(name.removesuffix("."), port) if _NAME.fullmatch(name) else None


def parse_origin(text: str) -> Origin | None:
    """The value of an `Origin` header with its port; None for `null` and anything else that isn't an origin."""
    found = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    authority = parse_authority(found["authority"]) if found else None
    if found is None or authority is None:
        return None
    return Origin(found["scheme"], authority.name, authority.port or _DEFAULT_PORTS[found["scheme"]])


def is_same(origin: Origin, host: Authority, scheme: str) -> bool:
    """Whether a page of `origin` is our own, as browsers compare: scheme, host and port.

    Where a proxy ends TLS, the page's scheme is https while ours (`scheme`) is http: the port that `Host` leaves out is
    the one of the page's scheme. The other way round it is another site.
    """
    port = host.port or _DEFAULT_PORTS[origin.scheme]
    return (origin.name, origin.port) == (host.name, port) and not (origin.scheme == "http" and scheme == "https")


@dataclass(frozen=True, slots=True)
class Rules:
    """What is configured: names of hosts, `*.example.com` among them, and foreign origins."""

    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def check_host(self, headers: Sequence[str]) -> Authority | None:
        """The host that was asked for, None if an HTTP/1.0 client names none. Raises Refused (MISDIRECTED_REQUEST)."""
        if not headers:
            return None
        authority = parse_authority(headers[0])
        if len(set(headers)) > 1 or authority is None or not self._is_ours(authority.name):
            named = ", ".join(headers)[:_SHOWN]
            advice = "if that is its name, set ALLOWED_HOSTS to it"
            raise Refused(
                f"this service doesn't answer as {named!r}; {advice}",
                code="MISDIRECTED_REQUEST",
                details={"host": named, "setting": "ALLOWED_HOSTS"},
            )
        return authority

    def check_origin(self, headers: Sequence[str], host: Authority | None, scheme: str) -> bool:
        """Whether the request comes from a foreign origin that may. Raises Refused (ORIGIN_NOT_ALLOWED)."""
        if not headers:
            return False
        origin = parse_origin(headers[0]) if len(headers) == 1 else None
        if origin is not None and host is not None and is_same(origin, host, scheme):
            return False
        if origin is not None and origin in map(parse_origin, self.origins):
            return True
        named = ", ".join(headers)[:_SHOWN]
        raise Refused(
            f"pages of {named!r} may not use this service; if they are yours, add the origin to CORS_ORIGINS",
            code="ORIGIN_NOT_ALLOWED",
            details={"origin": named, "setting": "CORS_ORIGINS"},
        )

    def _is_ours(self, name: str) -> bool:
        if _is_address(name) or "." not in name or name.endswith(_CLUSTER_SUFFIXES):
            return True
        return any(_fits(name, pattern) for pattern in self.hosts)


def host_pattern(text: str) -> str:
    """A configured host in lower case. Raises ValueError for what isn't `name.example.com` or `*.example.com`."""
    authority = parse_authority(text.removeprefix("*."))
    if authority is None or authority.port is not None:
        raise ValueError(f"{text!r}: write names without a scheme or port, as ecp.example.com or *.example.com")
    return f"*.{authority.name}" if text.startswith("*.") else authority.name


def origin_text(text: str) -> str:
    """A configured origin in lower case. Raises ValueError for what isn't one."""
    if parse_origin(text) is None:
        raise ValueError(f"{text!r}: write origins with their scheme and without a path, as https://ecp.example.com")
    return text.lower()


def _fits(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

"""How a service connects to NATS: its login as its file is now, and TLS with a certificate that is checked.

The client asks for the login at each connection, so a rotated password counts from the next reconnect on.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from faststream.nats.security import NatsSecurity, NatsUserPassword

from shared.settings import BusSettings


def addresses(url: str) -> list[str]:
    """The servers of NATS_URL, separated by commas, without the login that `connection_options` has."""
    return [_without_login(each.strip()) for each in url.split(",")]


def connection_options(settings: BusSettings) -> dict[str, Any]:
    """Arguments of `nats.connect`."""
    options: dict[str, Any] = {"servers": addresses(settings.nats_url)}
    if _has_login(settings.nats_url):
        options |= {"user": _part(settings, "username"), "password": _part(settings, "password")}
    tls = settings.nats_tls()
    return options if tls is None else options | {"tls": tls, "tls_handshake_first": settings.nats_tls_first}


def broker_security(settings: BusSettings) -> NatsSecurity | None:
    """The same as FastStream's broker takes it, with `addresses`; None if neither a login nor TLS is set."""
    options = connection_options(settings)
    is_first = bool(options.get("tls_handshake_first"))
    tls: dict[str, Any] = {"ssl_context": options.get("tls"), "tls_handshake_first": is_first}
    if "user" in options:
        return NatsUserPassword(options["user"], options["password"], **tls)
    return NatsSecurity(**tls) if "tls" in options else None


def _part(settings: BusSettings, name: str) -> Callable[[], str]:
    """What the client calls before each connection. All servers have the login of the first."""
    return lambda: unquote(getattr(urlsplit(settings.latest_nats_url().split(",")[0]), name) or "")


def _has_login(url: str) -> bool:
    """Whether the URL has a user and a password; one part alone is a token, which the client takes from the URL."""
    parts = urlsplit(url.split(",", maxsplit=1)[0])
    return parts.username is not None and parts.password is not None


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if _has_login(url) else url

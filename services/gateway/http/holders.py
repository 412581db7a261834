"""Whose sockets and bodies count together: those of a caller, and those of an address."""

from starlette.types import Scope

from shared.http.addresses import LOOPBACK, is_in, limited_part
from shared.identity.caller import Caller, CallerKind

_WITHOUT_IDENTITY = (CallerKind.NONE, CallerKind.LOCAL)


def identity_of(caller: Caller) -> str | None:
    """A person or key; None for a caller without an identity."""
    return None if caller.kind in _WITHOUT_IDENTITY else f"{caller.kind}:{caller.subject}"


def address_of(scope: Scope) -> str | None:
    """The client's address, or the /64 of an IPv6 one; None for this machine, whose programs share it."""
    address = (scope.get("client") or ("", 0))[0]
    return None if not address or is_in(address, LOOPBACK) else f"address:{limited_part(address)}"

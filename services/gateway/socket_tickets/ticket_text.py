"""The form of a ticket: `ecpt_<prod|demo>_<256 random bits>`. Pure.

It names its mode, as a socket may leave that out; and it isn't bound to an address, since a client may reach the two
calls by different ones (IPv4 and IPv6, two ways through a proxy). It is worth nothing once used, or after 30 s.
"""

import hashlib
import re
import secrets

from shared.subjects import Mode

_PREFIX = "ecpt_"
_NAMES = {Mode.PRODUCTION: "prod", Mode.DEMO: "demo"}
_TICKET = re.compile(rf"{_PREFIX}(prod|demo)_[0-9A-Za-z_-]{{43}}", re.ASCII)


def new_ticket(mode: Mode) -> str:
    """A ticket for one socket of `mode`."""
    return f"{_PREFIX}{_NAMES[mode]}_{secrets.token_urlsafe(32)}"


def mode_of(text: str) -> Mode | None:
    """The mode of a ticket; None if it can't be one."""
    found = _TICKET.fullmatch(text)
    return None if found is None else Mode.DEMO if found[1] == _NAMES[Mode.DEMO] else Mode.PRODUCTION


def digest_of(text: str) -> bytes:
    """What is stored instead of a ticket."""
    return hashlib.sha256(text.encode()).digest()

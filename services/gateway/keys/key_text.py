"""The form of an API key: `ecp_<prod|demo>_<id>_<secret><checksum>`. Pure.

The fixed prefix lets secret scanners find a key in a repository or a log, and the checksum (CRC-32 in base 62, as in
GitHub's tokens) lets them leave out texts that only look like one. The id is no secret: it names the key in lists. A
double click selects the whole key, since it has no other characters than letters, digits and underscores.

The secret has 256 random bits. Therefore one SHA-256 is stored, without salt and stretching: these slow down guesses of
passwords that people choose, and of 2^256 equally likely secrets no share can be tried, however fast a guess is.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import NamedTuple

from shared.subjects import Mode

PREFIX = "ecp_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_DIGITS = string.digits + string.ascii_lowercase
_ID_LENGTH = 12
_SECRET_BITS = 256
_SECRET_LENGTH = 43
"""Digits of base 62 for 256 bits."""
_CHECKSUM_LENGTH = 6
_MODES = {Mode.PRODUCTION: "prod", Mode.DEMO: "demo"}
_BY_NAME = {name: mode for mode, name in _MODES.items()}
PATTERN = rf"{PREFIX}(?:prod|demo)_[0-9a-z]{{{_ID_LENGTH}}}_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}"
"""A regular expression for secret scanners."""
_KEY = re.compile(PATTERN, re.ASCII)


class KeyText(NamedTuple):
    """What a key names without its secret."""

    mode: Mode
    key_id: str


def new_id() -> str:
    """A random id."""
    return "".join(secrets.choice(_ID_DIGITS) for _ in range(_ID_LENGTH))


def new_key(mode: Mode, key_id: str) -> str:
    """A key of `mode` with this id and a new secret."""
    secret = _base62(secrets.randbits(_SECRET_BITS), _SECRET_LENGTH)
    text = f"{PREFIX}{_MODES[mode]}_{key_id}_{secret}"
    return text + _checksum(text)


def parse_key(text: str) -> KeyText | None:
    """The mode and the id of a key; None if it can't be one. Whether its secret is right isn't known by that."""
    if _KEY.fullmatch(text) is None or _checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
        return None
    _, mode, key_id, _ = text.split("_")
    return KeyText(_BY_NAME[mode], key_id)


def digest_of(text: str) -> bytes:
    """What is stored instead of a key: the 32 bytes of its SHA-256."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))

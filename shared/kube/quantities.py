"""Kubernetes quantities (`100m`, `1.5Gi`, `1e3`): parsed exactly, written canonically.

Sums of requests decide where a pod fits, so nothing here goes through a float: a quantity is a whole number of
nano-units, the finest step that apimachinery knows. As in apimachinery, a finer value is rounded away from zero, a
value past 2^63-1 is capped, and the canonical form has no fraction, loses nothing and has the largest suffix that fits.

Errors are `QuantityError` with apimachinery's own sentences.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

_NANO = 10**9
_CAP = (2**63 - 1) * _NANO
# Far past the cap and far below a nano: exponents beyond it decide nothing, and powers of them would cost much.
_EXPONENT_LIMIT = 60
# Python refuses to convert more than 4,300 digits; no real quantity is that long.
_LENGTH_LIMIT = 1024

_SYNTAX = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_COMMON = {"n": 1, "u": 10**3, "m": 10**6, "Ki": 1024 * _NANO, "Mi": 1024**2 * _NANO, "Gi": 1024**3 * _NANO}
_COMMON_LENGTH = 10
"""Characters up to which such a quantity is below the cap."""
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()} | {0: ""}

FORMAT_WRONG = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"  # apimachinery's text
)
SUFFIX_WRONG = "unable to parse quantity's suffix"


class QuantityError(ValueError):
    """A text that apimachinery would not take for a quantity; the message is apimachinery's."""


def parse(value: str | int | float) -> Decimal:
    """The exact value in base units (cores, bytes, pieces); raises QuantityError."""
    return Decimal(_nano(str(value))[0]) / _NANO


def nano(value: str | int | float) -> int:
    """The value in billionths, the finest step: `nano("1m") == 1_000_000`. Raises QuantityError."""
    text = str(value)
    # Usage is mostly of this form, and with ten thousand pods hardly ever a text of the last slice.
    if text[-1:] in _COMMON and text[:-1].isdecimal() and text.isascii() and len(text) < _COMMON_LENGTH:
        return int(text[:-1]) * _COMMON[text[-1]]
    if text[-2:] in _COMMON and text[:-2].isdecimal() and text.isascii() and len(text) < _COMMON_LENGTH:
        return int(text[:-2]) * _COMMON[text[-2:]]
    return _nano(text)[0]


def milli(value: str | int | float) -> int:
    """The value in thousandths, rounded up as the scheduler does: `milli("0.5") == 500`. Raises QuantityError."""
    return -(-_nano(str(value))[0] // 10**6)


def whole(value: str | int | float) -> int:
    """The value in whole units (bytes, GPUs, pods), rounded up: `whole("1Ki") == 1024`. Raises QuantityError."""
    return -(-_nano(str(value))[0] // _NANO)


@lru_cache(maxsize=4096)
def canonical(value: str | int | float) -> str:
    """How the API server writes this quantity: `1000m` is `1`, `1.5Gi` is `1536Mi`. Raises QuantityError."""
    return _written(*_nano(str(value)))


def from_milli(thousandths: int) -> str:
    """The canonical decimal quantity of so many thousandths: `from_milli(1500) == "1500m"`."""
    return _written(thousandths * 10**6, "DecimalSI")


def from_bytes(count: int) -> str:
    """The canonical binary quantity of so many bytes: `from_bytes(2**30) == "1Gi"`."""
    return _written(count * _NANO, "BinarySI")


@lru_cache(maxsize=4096)
def _nano(text: str) -> tuple[int, Format]:
    match = _SYNTAX.fullmatch(text) if 0 < len(text) <= _LENGTH_LIMIT else None
    if not match:
        raise QuantityError(FORMAT_WRONG)
    sign, integer, fraction, suffix = match.groups(default="")
    scale, factor, form = _suffix(suffix)
    numerator = int((integer + fraction) or "0") * factor * _NANO
    exponent = scale - len(fraction)
    # Rounded up, away from zero: a small request becomes the smallest unit, not zero.
    amount = numerator * 10**exponent if exponent >= 0 else -(-numerator // 10**-exponent)
    amount = min(amount, _CAP)
    return (-amount if sign == "-" else amount), form


def _suffix(suffix: str) -> tuple[int, int, Format]:
    """(power of ten, factor, format) of a suffix."""
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], 1, "DecimalSI"
    if suffix in _BINARY:
        return 0, 1024 ** _BINARY[suffix], "BinarySI"
    exponent = _EXPONENT.fullmatch(suffix)
    if not exponent:
        raise QuantityError(SUFFIX_WRONG)
    return max(-_EXPONENT_LIMIT, min(_EXPONENT_LIMIT, int(exponent[1]))), 1, "DecimalExponent"


def _written(nano: int, form: Format) -> str:
    if nano == 0:
        return "0"
    # Below 1Ki, or with a fraction of a byte, a binary quantity turns decimal rather than lose precision.
    if form == "BinarySI" and abs(nano) >= 1024 * _NANO and nano % _NANO == 0:
        return _written_binary(nano // _NANO)
    number, exponent = nano, -9
    while exponent < 18 and number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    if form == "DecimalExponent":
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_SUFFIX[exponent]}"


def _written_binary(number: int) -> str:
    power = 0
    while power < 6 and number % 1024 == 0:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY_SUFFIX[power]}"

"""Whole numbers in URLs and headers, as Go's strconv reads them: ASCII digits, and no more than 64 bits.

Python's own `int` would accept other scripts' digits and underscores, and refuses more than 4,300 digits with an
error that callers don't expect.
"""

import re

from shared.reading.problems import InvalidText

_SIGNED = re.compile(r"[+-]?[0-9]+")
_UNSIGNED = re.compile(r"[0-9]+")
_MOST_DIGITS = 64
_SHOWN = 100


def int64(text: str) -> int:
    """A signed number. Raises InvalidText in the words of `strconv.ParseInt`."""
    return _parsed(text, _SIGNED, "ParseInt", -(2**63), 2**63 - 1)


def uint64(text: str) -> int:
    """An unsigned number. Raises InvalidText in the words of `strconv.ParseUint`."""
    return _parsed(text, _UNSIGNED, "ParseUint", 0, 2**64 - 1)


def _parsed(text: str, syntax: re.Pattern[str], function: str, least: int, most: int) -> int:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    if not syntax.fullmatch(text):
        raise InvalidText(f'strconv.{function}: parsing "{shown}": invalid syntax')
    digits = text.lstrip("+-").lstrip("0") or "0"
    number = int(digits) if len(digits) <= _MOST_DIGITS else most + 1
    number = -number if text.startswith("-") else number
    if not least <= number <= most:
        raise InvalidText(f'strconv.{function}: parsing "{shown}": value out of range')
    return number

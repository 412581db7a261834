"""Plain YAML scalars as the API server's reader takes them, which is neither YAML 1.1 nor 1.2.

`sigs.k8s.io/yaml` turns YAML into JSON by way of go-yaml 2: `yes`, `on` and `y` are booleans (the Norway problem),
`0777` is 511 and `0o17` is 15, `1_000` is a number, while dates and `12:30:45` stay text. A validator that read them
otherwise would pass what the cluster takes for something else.
"""

import math
import re
from functools import lru_cache

_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")
_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")
_NULL = ("", "~", "null", "Null", "NULL")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMERIC_START = frozenset("0123456789+-.")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]{1,16})|0[bB]([01]{1,64})|0[oO]?([0-7]{1,22})|(0|[1-9][0-9]{0,18}))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 400
_WHOLE_UP_TO = 2**63
"""Beyond 64 bits a number is a float, as in Go and in our JSON writer; no integer field takes that."""

Scalar = str | int | float | bool | None


@lru_cache(maxsize=8192)
def resolve(text: str) -> Scalar:
    """What a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text)


def as_key(value: Scalar) -> str | None:
    """How the reader writes a key that is no text (`8080`, `true`); None for what can't be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value)


def _number(text: str) -> Scalar:
    plain = text.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next((d, b) for d, b in ((decimal, 10), (hexadecimal, 16), (binary, 2), (octal, 8)) if d)
        whole = int(sign + digits, base)
        return whole if -_WHOLE_UP_TO <= whole < 2 * _WHOLE_UP_TO else float(whole)
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return int(number) if number.is_integer() and abs(number) < _WHOLE_UP_TO else number
    return text

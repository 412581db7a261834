"""JSON as YAML: what JSON may say and libyaml can't read.

YAML 1.2 has all of JSON, libyaml has YAML 1.1: it knows neither `\\/` nor a character that is written as a pair of
surrogates, as Python's json writes every emoji. The API server, which reads JSON as JSON, takes both.
"""

import re

import orjson

_UNREADABLE = re.compile(r"\\/|\\u[dD][89abAB]")
_ESCAPE = re.compile(r"\\(?:/|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def as_yaml(text: str) -> str:
    """`text` without these escapes if it is one JSON value; as it is if not. Lines stay where they are."""
    if text.lstrip()[:1] not in ("{", "[") or not _UNREADABLE.search(text) or not _is_json(text):
        return text
    return _ESCAPE.sub(_written_out, text)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False
    return True


def _written_out(escape: re.Match[str]) -> str:
    high, low = escape.groups()
    if high:
        return chr(0x10000 + (int(high, 16) - 0xD800 << 10) + int(low, 16) - 0xDC00)
    return "/" if escape.group() == "\\/" else escape.group()

r"""JSON as YAML: valid JSON that libyaml can't read.

YAML 1.2 includes JSON, but libyaml implements YAML 1.1: it knows neither `\/` nor surrogate pairs, which Python's json
writes for every emoji; it treats U+0085, U+2028 and U+2029 as line ends, and refuses other control characters. The API
server reads JSON as JSON and accepts all of them.
"""

import re

import orjson

_UNREADABLE = "\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"
_SUSPECT = re.compile(rf"\\/|\\u[dD][89abAB]|[{_UNREADABLE}]")
_ESCAPE = re.compile(
    rf"([{_UNREADABLE}])|\\(?:/|u([dD][89abAB][0-9a-fA-F]{{2}})\\u([dD][c-fC-F][0-9a-fA-F]{{2}})|.)", re.DOTALL
)


def as_yaml(text: str) -> str:
    """`text` as libyaml can read it if it is one JSON value; as it is if not. Lines stay where they are."""
    if text.lstrip()[:1] not in ("{", "[") or not _SUSPECT.search(text) or not _is_json(text):
        return text
    return _ESCAPE.sub(_readable, text)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False
    return True


def _readable(found: re.Match[str]) -> str:
    """Such a character stands in a string, since nothing between JSON's tokens could be one."""
    raw, high, low = found.groups()
    if raw:
        return f"\\u{ord(raw):04x}"
    if high:
        return chr(0x10000 + (int(high, 16) - 0xD800 << 10) + int(low, 16) - 0xDC00)
    return "/" if found.group() == "\\/" else found.group()

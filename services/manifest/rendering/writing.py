"""Objects as text, and the text's digest.

A manifest is read by others: by Go's mixture of YAML 1.1 and 1.2, where `1e3` and `0o17` aren't the strings that PyYAML
takes them for. So a string is written without quotes only if no parser can mistake it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from services.manifest.rendering.naming import Obj

_UNMISTAKABLE = re.compile(r"[A-Za-z/](?:[A-Za-z0-9._/-]|:(?=[A-Za-z0-9._/-]))*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))
_NEEDS_NO_ESCAPE = re.compile(r"[^\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*")
_INDENT = "  "

# Only JSON's own values, which is all that an object consists of. PyYAML with libyaml writes the same text in more than
# ten times the time, which was most of a manifest's way through this service.


def to_yaml(objects: Sequence[Obj]) -> str:
    """The objects as YAML documents, in this order, keys in theirs; no line is folded and nothing is an alias.

    Raises TypeError or ValueError for what JSON can't express either.
    """
    out: list[str] = []
    for each in objects:
        out.append("---\n" if each else "--- {}\n")
        _mapping(out, each, pad="", lead="")
    return "".join(out)


def _mapping(out: list[str], mapping: Mapping[str, Any], pad: str, lead: str) -> None:
    """Write a mapping. `lead` stands before its first line, `pad` before the others."""
    for key, value in mapping.items():
        out.append(f"{lead}{_string(key)}:")
        lead = pad
        if value and isinstance(value, Mapping):
            out.append("\n")
            _mapping(out, value, pad + _INDENT, pad + _INDENT)
        elif value and isinstance(value, list | tuple):
            out.append("\n")
            _sequence(out, value, pad, pad)
        else:
            out.append(f" {_scalar(value)}\n")


def _sequence(out: list[str], items: Sequence[Any], pad: str, lead: str) -> None:
    """The same for a sequence; its dashes stand below the key that it belongs to."""
    for item in items:
        out.append(f"{lead}- ")
        lead = pad
        if item and isinstance(item, Mapping):
            _mapping(out, item, pad + _INDENT, "")
        elif item and isinstance(item, list | tuple):
            _sequence(out, item, pad + _INDENT, "")
        else:
            out.append(f"{_scalar(item)}\n")


def _scalar(value: object) -> str:
    """One value, or an empty collection, as YAML and JSON both write it."""
    return _string(value) if isinstance(value, str) else json.dumps(value, allow_nan=False)


@lru_cache(maxsize=4096)
def _string(text: str) -> str:
    """A string; JSON's quotes and escapes are a part of YAML's, but for a few characters that YAML wants escaped."""
    if _UNMISTAKABLE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = orjson.dumps(text).decode()
    if _NEEDS_NO_ESCAPE.fullmatch(quoted):
        return quoted
    return "".join(each if _NEEDS_NO_ESCAPE.fullmatch(each) else f"\\u{ord(each):04x}" for each in quoted)


def to_json(objects: Sequence[Obj]) -> str:
    """The objects as one `kind: List`."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    return orjson.dumps(listed, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def digest(text: str) -> str:
    """What names this text everywhere: `sha256:` and 64 hex digits of its UTF-8."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def summary(objects: Iterable[Obj]) -> dict[str, int]:
    """Objects by kind, in the order of their first: `{"Namespace": 1, "Service": 5}`."""
    return dict(Counter(each["kind"] for each in objects))

"""Objects as text, and the text's digest.

Other parsers read a manifest, such as Go's mixture of YAML 1.1 and 1.2, for which `1e3` and `0o17` are numbers, while
PyYAML reads them as strings. A string is therefore unquoted only if it is a string for every parser.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from shared.kube.objects import Obj

_UNMISTAKABLE = re.compile(r"[A-Za-z/](?:[A-Za-z0-9._/-]|:(?=[A-Za-z0-9._/-]))*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))
_NEEDS_NO_ESCAPE = re.compile(r"[^\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*")
_INDENT = "  "

# Objects consist of JSON values only, so a small writer is enough. PyYAML with libyaml takes more than ten times as
# long for the same text, which was most of the time that this service spent on a manifest.


def to_yaml(objects: Sequence[Obj]) -> str:
    """The objects as YAML documents, with objects and keys in the given order, without folded lines or aliases.

    Raises TypeError or ValueError for values that JSON doesn't have.
    """
    out: list[str] = []
    for each in objects:
        out.append("---\n" if each else "--- {}\n")
        _mapping(out, each, pad="", lead="")
    return "".join(out)


def _mapping(out: list[str], mapping: Mapping[str, Any], pad: str, lead: str) -> None:
    """Write a mapping. `lead` is the prefix of its first line, `pad` of the others."""
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
    """Write a sequence; its dashes are aligned with the key."""
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
    """A scalar or an empty collection, in the notation that YAML and JSON share."""
    return _string(value) if isinstance(value, str) else json.dumps(value, allow_nan=False)


@lru_cache(maxsize=4096)
def _string(text: str) -> str:
    """A string. JSON's quoting is valid YAML, except for a few characters that YAML requires to be escaped."""
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


def to_stored(objects: Sequence[Obj]) -> str:
    """The objects as manifests are stored: as one `kind: List`, on one line of JSON, because that is read fastest."""
    return orjson.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}).decode()


def digest(text: str) -> str:
    """The digest that identifies a text: `sha256:` and 64 hex digits, of its UTF-8."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def summary(objects: Iterable[Obj]) -> dict[str, int]:
    """The number of objects by kind, in order of appearance: `{"Namespace": 1, "Service": 5}`."""
    return dict(Counter(each["kind"] for each in objects))

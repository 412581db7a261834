"""Objects as text, and the text's digest.

A manifest is read by others: by Go's mixture of YAML 1.1 and 1.2, where `1e3` and `0o17` aren't the strings that PyYAML
takes them for. So a string is written without quotes only if nobody can mistake it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import orjson
import yaml

from services.manifest.rendering.naming import Obj

_UNMISTAKABLE = re.compile(r"[A-Za-z/](?:[A-Za-z0-9._/-]|:(?=[A-Za-z0-9._/-]))*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))
_LONGEST_LINE = 1_000_000
"""No folding: a folded string is hard to read, and harder to search for."""


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Objects may share parts; a text with anchors would be one that people can't edit."""
        return True


def _string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    is_plain = _UNMISTAKABLE.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _string)


def to_yaml(objects: Sequence[Obj]) -> str:
    """The objects as YAML documents, in this order, keys in theirs."""
    text: str = yaml.dump_all(
        objects,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        explicit_start=True,
        width=_LONGEST_LINE,
    )
    return text


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

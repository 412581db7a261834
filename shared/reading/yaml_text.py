"""YAML text into documents, by libyaml's events: nothing is built that the text didn't pay for.

Every limit is checked while reading, so a hostile text costs no more than an honest one of the largest size: what
aliases stand for is counted as if it were written out, depth is a number and not a call stack, tags construct nothing.
Recursion is nowhere: neither libyaml's composer nor a constructor is used.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml._yaml import CParser

from shared.reading.json_as_yaml import as_yaml
from shared.reading.json_text import MAX_DEPTH
from shared.reading.scalars import as_key, resolve

MAX_BYTES: Final = 4 * 2**20
"""Or characters, of text that came as such."""
MAX_DOCUMENTS: Final = 2_000
MAX_NODES: Final = 200_000
MAX_PROBLEMS: Final = 50

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", f"{_CORE}str", f"{_CORE}binary", f"{_CORE}timestamp"})
_SCALAR_TAGS = frozenset({f"{_CORE}{name}" for name in ("int", "float", "bool", "null")})
_MAP_TAG, _LIST_TAG = f"{_CORE}map", f"{_CORE}seq"
_REFUSED_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MERGE = "<<"

Pointer = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the text; `code` and `details` are those of a finding. Lines and columns count from 1."""

    code: str
    line: int
    column: int
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document; `index` counts all of the text's from 0, the empty ones too."""

    index: int
    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class YamlText:
    """What a text holds. `complete` is False where reading had to stop; what came before is still there.

    `text` is what was read, in which lines and columns count; empty where it was no text.
    """

    documents: tuple[YamlDocument, ...]
    problems: tuple[Problem, ...]
    complete: bool
    text: str = ""


class _Stop(Exception):
    """Reading ends here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def read(text: str | bytes) -> YamlText:
    """The documents of a text, and all that is wrong with it as YAML. Never raises."""
    try:
        checked = _decoded(text)
    except _Stop as stop:
        return YamlText((), (stop.problem,), complete=False)
    return _Reader().read(checked)


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise _Stop(Problem("TOO_LARGE", 1, 1, {"size": f"{len(text):,}", "limit": f"{MAX_BYTES:,}"}))
    if isinstance(text, bytes):
        text = _utf8(text)
    text = as_yaml(text.removeprefix("\ufeff"))
    if wrong := _REFUSED_CHARACTER.search(text):
        line, column = place(text, wrong.start())
        raise _Stop(Problem("CHARACTER_REFUSED", line, column, {"character": f"U+{ord(wrong.group()):04X}"}))
    return text


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line, column = place(raw[: error.start].decode(errors="replace"), error.start)
        raise _Stop(Problem("INVALID_UTF8", line, column, {"byte": f"0x{raw[error.start]:02X}"})) from None


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "key", "merges", "merging", "nodes_before", "value", "waits_for_key")

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None, nodes_before: int) -> None:
        self.value, self.anchor, self.nodes_before = value, anchor, nodes_before
        self.key: str | None = ""
        """None for one that can't be: its value is read, and belongs nowhere."""
        self.waits_for_key = True
        self.merging = False
        """Whether the key is YAML's `<<`; in quotes it is a key like others."""
        self.merges: list[Any] = []


class _Reader:
    """The state of one reading."""

    def __init__(self) -> None:
        self._documents: list[YamlDocument] = []
        self._problems: list[Problem] = []
        self._count = 0
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._line = 1

    def read(self, text: str) -> YamlText:
        complete = False
        try:
            parser = CParser(text)
            while (event := parser.get_event()) is not None:
                self._take(event)
            complete = True
        except _Stop as stop:
            self._problems.append(stop.problem)
        except yaml.MarkedYAMLError as error:
            self._problems.append(_syntax(error))
        except yaml.YAMLError as error:
            self._problems.append(Problem("YAML_SYNTAX", self._line, 1, {"problem": str(error)}))
        return YamlText(tuple(self._documents), tuple(self._problems), complete, text)

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._count_nodes(1, event)
            self._put(self._scalar(event), event, event.anchor)
        elif kind is yaml.MappingStartEvent:
            self._open({}, event, _MAP_TAG)
        elif kind is yaml.SequenceStartEvent:
            self._open([], event, _LIST_TAG)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close(event)
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._begin(event)

    def _begin(self, event: Any) -> None:
        if self._count == MAX_DOCUMENTS:
            raise _Stop(_problem("TOO_MANY_DOCUMENTS", event, limit=f"{MAX_DOCUMENTS:,}"))
        self._count += 1
        self._anchors.clear()
        self._line = event.start_mark.line + 1

    def _open(self, value: dict[str, Any] | list[Any], event: Any, tag: str) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise _Stop(_problem("TOO_DEEP", event, limit=str(MAX_DEPTH)))
        if event.tag not in (None, "!", tag):
            self._report("TAG_REFUSED", event, tag=event.tag)
        self._count_nodes(1, event)
        self._stack.append(_Frame(value, event.anchor, self._nodes))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        for merged in frame.merges:
            frame.value = {**merged, **frame.value}  # type: ignore[dict-item]
        self._put(frame.value, event, frame.anchor, self._nodes - frame.nodes_before + 1)

    def _alias(self, event: Any) -> None:
        found = self._anchors.get(event.anchor)
        if found is None:
            inside = any(frame.anchor == event.anchor for frame in self._stack)
            raise _Stop(_problem("ALIAS_RECURSIVE" if inside else "ALIAS_UNKNOWN", event, name=event.anchor))
        value, size = found
        self._count_nodes(size, event)
        self._put(value, event, None)

    def _put(self, value: Any, event: Any, anchor: str | None, size: int = 1) -> None:
        """A finished node goes where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._stack:
            self._documents.append(YamlDocument(self._count - 1, self._line, value))
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.waits_for_key:
            frame.merging = value == _MERGE and type(event) is yaml.ScalarEvent and event.implicit[0]
            frame.key = None if frame.merging else self._key(value, frame, event)
            frame.waits_for_key = False
        else:
            frame.waits_for_key = True
            self._set(frame, value, event)

    def _set(self, frame: _Frame, value: Any, event: Any) -> None:
        assert isinstance(frame.value, dict)  # noqa: S101 - lists never wait for a key
        if frame.merging:
            parts = value if isinstance(value, list) else [value]
            if all(isinstance(part, dict) for part in parts):
                frame.merges.extend(parts)
            else:
                self._report("KEY_UNUSABLE", event, key=_MERGE)
        elif frame.key is not None:
            frame.value[frame.key] = value

    def _key(self, value: Any, frame: _Frame, event: Any) -> str | None:
        key = as_key(value) if not isinstance(value, (dict, list)) else None
        if key is None:
            self._report("KEY_UNUSABLE", event, key="null" if value is None else "a list or mapping")
            return None
        if not isinstance(value, str):
            self._report("KEY_NOT_A_STRING", event, key=getattr(event, "value", key), text=key)
        if key in frame.value:
            self._report("DUPLICATE_KEY", event, key=key)
        return key

    def _scalar(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if tag is None:
            value = resolve(text) if event.implicit[0] else text
        elif tag in _TEXT_TAGS:
            return text
        else:
            value = resolve(text)
            if tag not in _SCALAR_TAGS:
                self._report("TAG_REFUSED", event, tag=tag)
        if isinstance(value, float) and not math.isfinite(value):
            self._report("VALUE_UNUSABLE", event, value=text)
        return value

    def _count_nodes(self, more: int, event: Any) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise _Stop(_problem("TOO_MANY_NODES", event, limit=f"{MAX_NODES:,}"))

    def _report(self, code: str, event: Any, **details: str) -> None:
        if len(self._problems) >= MAX_PROBLEMS:
            raise _Stop(_problem("TOO_MANY_FINDINGS", event, limit=str(MAX_PROBLEMS)))
        self._problems.append(_problem(code, event, **{name: value[:200] for name, value in details.items()}))


def _problem(code: str, event: Any, **details: str) -> Problem:
    return Problem(code, event.start_mark.line + 1, event.start_mark.column + 1, details)


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return Problem("YAML_SYNTAX", (mark.line if mark else 0) + 1, (mark.column if mark else 0) + 1, {"problem": reason})

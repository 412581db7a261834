"""Locates findings in the text, in a second pass that only runs if there are findings.

A second pass over libyaml's events costs less than storing the position of every node of every valid manifest.
"""

from collections.abc import Iterable
from typing import Any

import yaml
from yaml._yaml import CParser

from shared.reading.scalars import as_key, resolve
from shared.reading.yaml_text import Pointer

Position = tuple[int, int]
Spot = tuple[int, Pointer]
"""A document's index, and a pointer into it."""


def locate(text: str, wanted: Iterable[Spot]) -> dict[Spot, Position]:
    """Line and column, from 1, of each spot; if the text doesn't have it, of the nearest enclosing node.

    The position of a field is that of its key. `text` must be readable up to the spots.
    """
    spots = set(wanted)
    around = {(index, pointer[:length]) for index, pointer in spots for length in range(len(pointer) + 1)}
    found = _places(text, around)
    return {spot: place for spot in spots if (place := _nearest(found, spot)) is not None}


def _nearest(found: dict[Spot, Position], spot: Spot) -> Position | None:
    index, pointer = spot
    lengths = range(len(pointer), -1, -1)
    return next((found[(index, pointer[:n])] for n in lengths if (index, pointer[:n]) in found), None)


def _places(text: str, wanted: set[Spot]) -> dict[Spot, Position]:
    walk = _Walk(wanted)
    parser = CParser(text)
    last = max((index for index, _ in wanted), default=-1)
    try:
        while walk.document <= last and (event := parser.get_event()) is not None:
            walk.step(event)
    except yaml.YAMLError:
        # There are no findings after a syntax error, which has a finding of its own.
        return walk.found
    return walk.found


class _Walk:
    """Follows the parser's events and records the positions of the wanted spots."""

    def __init__(self, wanted: set[Spot]) -> None:
        self.document = -1
        self.found: dict[Spot, Position] = {}
        self._wanted = wanted
        self._path: list[str | int] = []
        self._open: list[str] = []
        """For each open collection `list`, `key` (a mapping before a key) or `value` (after it)."""

    def step(self, event: Any) -> None:
        """Process one event."""
        kind = type(event)
        if kind is yaml.DocumentStartEvent:
            self.document += 1
            self._path, self._open = [], []
        elif kind in (yaml.ScalarEvent, yaml.AliasEvent):
            if self._open and self._open[-1] == "key":
                self._key(event)
            else:
                self._node(event)
                self._done()
        elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            if self._open and self._open[-1] == "key":
                self._key(event)
            self._node(event)
            is_list = kind is yaml.SequenceStartEvent
            self._open.append("list" if is_list else "key")
            self._path.append(0 if is_list else "")
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            self._open.pop()
            self._path.pop()
            self._done()

    def _key(self, event: Any) -> None:
        plain = type(event) is yaml.ScalarEvent and event.tag is None and event.implicit[0]
        text = getattr(event, "value", "")
        self._path[-1] = (as_key(resolve(text)) if plain else text) or ""
        self._open[-1] = "value"
        self._note(event)

    def _node(self, event: Any) -> None:
        if not self._open or self._open[-1] == "list":
            self._note(event)

    def _note(self, event: Any) -> None:
        spot = (self.document, tuple(self._path))
        if spot in self._wanted and spot not in self.found:
            self.found[spot] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _done(self) -> None:
        """A value ended: in a list the index advances, in a mapping a key follows."""
        if not self._open:
            return
        if self._open[-1] == "list":
            position = self._path[-1]
            assert isinstance(position, int)  # noqa: S101 - a list's path ends in a number
            self._path[-1] = position + 1
        else:
            self._open[-1] = "key"

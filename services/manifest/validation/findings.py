"""Collects findings during the checks, and finally adds lines and texts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from services.manifest.validation.codes import CODES, Severity
from services.manifest.validation.lines import Position, Spot, locate
from services.manifest.validation.manifest import ManifestObject
from services.manifest.validation.pointers import written
from shared.messages import LONGEST_PARAMETER
from shared.reading.yaml_text import Pointer, Problem
from shared.rpc import Finding

MAX_FINDINGS = 200
T = TypeVar("T")
_ORDER: Mapping[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class _Draft:
    code: str
    item: ManifestObject | None
    pointer: Pointer
    place: Position | None
    details: Mapping[str, str]


@dataclass
class FindingCollector:
    """The findings so far. After `MAX_FINDINGS` a last one reports that there are more."""

    strict: bool
    _notes: list[_Draft] = field(default_factory=list)
    _seen: set[tuple[str, int, Pointer, str]] = field(default_factory=set)
    left_out: bool = False

    def __bool__(self) -> bool:
        """Whether there are findings."""
        return bool(self._notes)

    def add(self, code: str, item: ManifestObject | None = None, pointer: Pointer = (), **details: str) -> None:
        """Add a finding about an object, or about the whole manifest. Duplicates are ignored."""
        if len(self._notes) >= MAX_FINDINGS:
            self.left_out = True
            return
        short = {name: value[:LONGEST_PARAMETER] for name, value in details.items()}
        key = (code, item.number if item else -1, pointer, str(sorted(short.items())))
        if key not in self._seen:
            self._seen.add(key)
            self._append(_Draft(code, item, pointer, None, short))

    def add_problem(self, problem: Problem) -> None:
        """Add a problem of the text itself."""
        self._append(_Draft(problem.code, None, (), (problem.line, problem.column), problem.details))

    def room_for(self, faults: Iterable[T]) -> Iterator[T]:
        """The `faults` up to the limit: locating further ones would cost time for nothing."""
        for fault in faults:
            if len(self._notes) >= MAX_FINDINGS:
                self.left_out = True
                return
            yield fault

    def has_one_at(self, item: ManifestObject, pointer: Pointer) -> bool:
        """Whether there is a finding at this pointer, which makes a missing value there redundant."""
        return any(note.item is item and note.pointer == pointer for note in self._notes)

    def written(self, text: str | None) -> tuple[Finding, ...]:
        """All findings, errors first, then by line. Without the text they have no lines."""
        notes = list(self._notes)
        if self.left_out:
            notes.append(_Draft("TOO_MANY_FINDINGS", None, (), None, {"limit": str(MAX_FINDINGS)}))
        spots = {_spot(note) for note in notes if note.item is not None}
        places = locate(text, spots) if text is not None and spots else {}
        findings = [
            self._finding(note, note.place or (places.get(_spot(note)) if note.item else None)) for note in notes
        ]
        return tuple(sorted(findings, key=lambda each: (_ORDER[each.severity], each.line or 0)))

    def _append(self, note: _Draft) -> None:
        if len(self._notes) >= MAX_FINDINGS:
            self.left_out = True
        else:
            self._notes.append(note)

    def _finding(self, note: _Draft, place: Position | None) -> Finding:
        code = CODES[note.code]
        severity = code.severity if self.strict or code.lenient is None else code.lenient
        return Finding(
            code=note.code,
            severity=severity,
            object=note.item.title if note.item else "",
            document=note.item.document if note.item else None,
            pointer=written(note.pointer),
            line=place[0] if place else None,
            column=place[1] if place else None,
            message=code.message.format_map(note.details),
            advice=code.advice.format_map(note.details),
            params=dict(note.details),
        )


def _spot(note: _Draft) -> Spot:
    assert note.item is not None  # noqa: S101 - asked for notes about objects alone
    return note.item.document, (*note.item.base, *note.pointer)

"""The chain of seals, computed independently of PostgreSQL: whether a trail is as it was recorded, and where not.

The digest at a position is SHA-256 over the digest of the position before it and over the row. So a row that was
changed, exchanged or inserted has another digest, one that was removed leaves a seal without a row, and a removed
seal leaves a gap.

What retention removed ends at an anchor: the seal of the last removed row stays, and a later row of the trail,
which is sealed like any other, records its position and digest.

A chain can't show that an administrator of the database wrote all of it again, or cut off its end together with the
record of the end. Both show if a head that was noted elsewhere, in the log for example, is expected.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.audit.lines import EVENT_FIELDS, text_of

_FORMAT = "ecp-audit-1"
GENESIS = bytes(32)
"""The digest before the first position."""
REMOVAL = "removeOldAuditEvents"
"""The operation of the row that records what retention removed."""
MOST_PROBLEMS = 20
"""Problems that are listed; all are counted."""
_TEXTS = frozenset({"before", "after"})


class Head(NamedTuple):
    """A position and its digest."""

    position: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> "Head":
        """From `<position>:<digest>`, as a log line has it. Raises ValueError for another form."""
        position, _, digest = text.partition(":")
        if (
            not position.isdecimal()
            or len(position) > 18
            or len(digest) != 64
            or not set(digest) <= set("0123456789abcdef")
        ):
            raise ValueError("write it as <position>:<64 hexadecimal digits>, as the log has it")
        return cls(int(position), digest)

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"


_NO_SEAL = Head(0, GENESIS.hex())


class Problem(NamedTuple):
    """Where the trail isn't as it was recorded. `position` is None for what has no seal."""

    position: int | None
    text: str


@dataclass(slots=True)
class Verdict:
    """What a check found."""

    sealed: int = 0
    """Rows whose seal was checked."""
    waiting: int = 0
    """Rows that wait for their seal, as every row does for a moment."""
    head: Head = _NO_SEAL
    """The last seal."""
    problems: list[Problem] = field(default_factory=list)
    """The first of them, in the order of the trail."""
    problem_count: int = 0

    @property
    def is_intact(self) -> bool:
        return self.problem_count == 0

    def add(self, position: int | None, text: str) -> None:
        """Count a problem, and list it if it is one of the first."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(position, text))


def sealed_bytes(position: int, event: Mapping[str, Any]) -> bytes:
    """What a seal covers: each field with its length in bytes, so that no content can end a field early."""
    values = [text_of(event[name]) if name in _TEXTS else event[name] for name in EVENT_FIELDS]
    return b"".join(map(_field, (_FORMAT, position, *values)))


def digest_of(previous: bytes, position: int, event: Mapping[str, Any]) -> bytes:
    """The digest of a seal."""
    return hashlib.sha256(previous + sealed_bytes(position, event)).digest()


def _field(value: object) -> bytes:
    if value is None:
        return b"-,"
    content = str(value).encode()
    return b"%d:%b," % (len(content), content)


class ChainCheck:
    """Checks the lines of one trail, in their order. Memory doesn't grow with the trail."""

    def __init__(self, trail: Mapping[str, Any], expected: Iterable[Head] = ()) -> None:
        """`trail` is the first line. `expected` are heads that were noted earlier."""
        self.verdict = Verdict()
        self._owner = str(trail["owner"])
        self._anchor = int(trail["anchor"])
        self._anchor_digest: str | None = None
        self._is_anchored = self._anchor == 0
        self._next = max(self._anchor, 1)
        self._previous = GENESIS
        self._expected = {head.position: head for head in (Head(*_head(trail["head"])), *expected) if head.position}
        for event_id in trail["lost"]:
            self.verdict.add(None, f"row {event_id} was removed before it was sealed")

    def add(self, line: Mapping[str, Any]) -> None:
        """Check the next line."""
        if line["position"] is None:
            self._add_unsealed(line)
            return
        position = int(line["position"])
        self._check_gap(position)
        if line["type"] == "missing":
            self._add_missing(position, line)
        else:
            self._add_sealed(position, line)
        self._previous = bytes.fromhex(str(line["digest"]))
        self._next = position + 1
        self.verdict.head = Head(position, str(line["digest"]))
        self._compare(self.verdict.head)

    def finish(self) -> Verdict:
        """The result, after the last line."""
        if not self._is_anchored:
            self.verdict.add(
                self._anchor,
                f"rows up to position {self._anchor} are gone, and no row records that retention removed them",
            )
        for head in sorted(self._expected.values()):
            reason = "was removed by retention" if head.position < self._anchor else "is missing"
            self.verdict.add(head.position, f"the seal at position {head.position} {reason}, but {head} is expected")
        return self.verdict

    def _check_gap(self, position: int) -> None:
        if position > self._next:
            last = position - 1
            place = f"position {last} is" if last == self._next else f"positions {self._next} to {last} are"
            self.verdict.add(self._next, f"{place} missing, rows and seals")
        elif position < self._next:
            self.verdict.add(position, f"position {position} isn't in its place")

    def _add_missing(self, position: int, line: Mapping[str, Any]) -> None:
        if position == self._anchor:
            self._anchor_digest = str(line["digest"])
        else:
            self.verdict.add(position, f"the row at position {position} was removed (row {line['id']})")

    def _add_sealed(self, position: int, line: Mapping[str, Any]) -> None:
        self.verdict.sealed += 1
        # After a gap the digest before it is unknown: the gap is reported, and the chain goes on from this seal.
        if position == self._next and digest_of(self._previous, position, line).hex() != line["digest"]:
            self.verdict.add(position, f"the row at position {position}, or its seal, was changed ({_named(line)})")
        self._read_removal(line)

    def _read_removal(self, line: Mapping[str, Any]) -> None:
        after = line["after"]
        if line["operation"] != REMOVAL or line["recorded_by"] != self._owner or not isinstance(after, dict):
            return
        if after.get("position") == self._anchor:
            self._is_anchored = self._is_anchored or after.get("digest") == self._anchor_digest

    def _add_unsealed(self, line: Mapping[str, Any]) -> None:
        if line["queued"]:
            self.verdict.waiting += 1
            # What retention has just removed is recorded by a row that waits for its seal, as any other.
            self._read_removal(line)
        else:
            self.verdict.add(None, f"a row was inserted past the queue of seals ({_named(line)})")

    def _compare(self, head: Head) -> None:
        expected = self._expected.pop(head.position, head)
        if expected != head:
            self.verdict.add(head.position, f"the seal at position {head.position} isn't the expected {expected}")


def _head(head: Mapping[str, Any]) -> tuple[int, str]:
    return int(head["position"]), str(head["digest"])


def _named(line: Mapping[str, Any]) -> str:
    return f"row {line['id']}, {line['operation']} by {line['subject'] or 'an unknown caller'} at {line['recorded_at']}"

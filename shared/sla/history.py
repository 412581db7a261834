"""Time as slices of 5 s on the grid of wall time, and what was observed in them.

A sample decides the slice that it falls in, and the first one stands: so neither the order in which samples come nor
their repetition matters, and a clock that is set back changes nothing that is known. A slice without a sample is
unknown. A history is kept as its runs of equal slices: a month without a failure is one run.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

SLICE_SECONDS = 5
"""A constant and no setting: histories of several months are counted in it."""


def slice_of(time: datetime) -> int:
    """The number of the slice that `time` (aware) lies in, counted from 1970."""
    return int(time.timestamp() // SLICE_SECONDS)


def slice_start(number: int) -> datetime:
    """The moment at which slice `number` begins, in UTC."""
    return datetime.fromtimestamp(number * SLICE_SECONDS, UTC)


class Span(NamedTuple):
    """Slices from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def seconds(self) -> int:
        return max(0, self.end - self.start) * SLICE_SECONDS

    def within(self, other: "Span") -> "Span":
        """What both have; empty (start >= end) if nothing."""
        return Span(max(self.start, other.start), min(self.end, other.end))


class Run(NamedTuple):
    """Slices from `start` up to, not including, `end` that were all up, or all down."""

    start: int
    end: int
    up: bool


class AvailabilityHistory:
    """The known slices of one tenant, or of one of its services."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        """`runs` in the order of time, without overlap."""
        self._runs = list(runs)

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(self._runs)

    def observe(self, number: int, *, up: bool) -> None:
        """Slice `number` was up, or down. A slice that is known already keeps what was seen first."""
        self.add(Run(number, number + 1, up))

    def add(self, run: Run) -> None:
        """The same for all slices of `run`."""
        first = bisect_left(self._runs, run.start, key=lambda each: each.end)
        last = bisect_right(self._runs, run.end, key=lambda each: each.start)
        touched = self._runs[first:last]
        self._runs[first:last] = _joined(sorted([*touched, *_unknown_parts(run, touched)]))


def without(runs: Iterable[Run], spans: Sequence[Span]) -> Iterator[Run]:
    """`runs` less the slices of `spans`, which are in order and don't overlap."""
    for run in runs:
        start = run.start
        for span in spans[bisect_right(spans, run.start, key=lambda each: each.end) :]:
            if span.start >= run.end:
                break
            if start < span.start:
                yield Run(start, span.start, run.up)
            start = max(start, span.end)
        if start < run.end:
            yield Run(start, run.end, run.up)


def united(spans: Iterable[Span], window: Span) -> list[Span]:
    """`spans` as far as they lie in `window`, in order and without overlap."""
    found: list[Span] = []
    for span in sorted(each.within(window) for each in spans):
        if span.start >= span.end:
            continue
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def _unknown_parts(run: Run, known: Iterable[Run]) -> Iterator[Run]:
    position = run.start
    for each in known:
        if position < each.start:
            yield Run(position, min(each.start, run.end), run.up)
        position = max(position, each.end)
    if position < run.end:
        yield Run(position, run.end, run.up)


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Equal neighbours as one."""
    last: Run | None = None
    for run in runs:
        if last is not None and last.end == run.start and last.up == run.up:
            last = last._replace(end=run.end)
        else:
            if last is not None:
                yield last
            last = run
    if last is not None:
        yield last

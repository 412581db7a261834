"""What a rule would have done on stored data, minute by minute. Pure.

Each comparison is made for all minutes at once, into a mask with a byte a minute; masks are joined as whole numbers,
and only the minutes at which the alert may change are looked at. So a hundred rules over ninety days take about a
second.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isnan
from typing import NamedTuple

from services.monitor.alerts.state_machine import FLAPPING_SECONDS, FLAPS, QUIET_SECONDS
from shared.alerts.conditions import AllOf, Comparison, Condition, first_holding, parse
from shared.alerts.rule import AlertRule, Missing
from shared.rpc import TestedFiring, TestedRule
from shared.rpc.alerts import MOST_PERIODS

STEP = 60
"""Seconds."""
UNKNOWN = math.nan
_FALSE, _TRUE = b"\x00", b"\x01"
_TRUE_THEN_UNKNOWN = re.compile(rb"\x01\x02+")
_LARGEST_REPEAT = 65_000
_COMPARE: Mapping[str, Callable[[float], Callable[[float], bool]]] = {
    ">": lambda limit: limit.__lt__,
    ">=": lambda limit: limit.__le__,
    "<": lambda limit: limit.__gt__,
    "<=": lambda limit: limit.__ge__,
    "==": lambda limit: limit.__eq__,
    "!=": lambda limit: limit.__ne__,
}
"""The float's own methods, with the sides exchanged: a pass over all minutes then runs no Python code for each."""


class _Mask(NamedTuple):
    """The minutes at which something is true, and those at which it is false: a byte each, 0 or 1."""

    true: int
    false: int


@dataclass(slots=True)
class StoredSeries:
    """The values of a tenant's metrics and figures, one for each minute from `start` (Unix seconds); NaN is unknown."""

    start: int
    steps: int
    values: Mapping[str, Sequence[float]]
    _masks: dict[tuple[str, str, float], _Mask] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)

    @property
    def everywhere(self) -> int:
        """A mask that is true at each minute."""
        return _number(itertools.repeat(1, self.steps))

    def time_of(self, step: int) -> float:
        """When the values of a minute were known: at its end."""
        return self.start + STEP * (step + 1)

    def values_at(self, step: int) -> dict[str, float]:
        """The known values of a minute."""
        return {name: each[step] for name, each in self.values.items() if not isnan(each[step])}

    def mask(self, found: Comparison) -> _Mask:
        """Where a comparison is true, and where it is false."""
        key = (found.metric, found.op, found.threshold)
        if key not in self._masks:
            values = self.values.get(found.metric)
            if values is None:
                return _Mask(0, 0)
            known = self._known_of(found.metric, values)
            true = _number(map(_COMPARE[found.op](found.threshold), values)) & known
            self._masks[key] = _Mask(true, known ^ true)
        return self._masks[key]

    def _known_of(self, metric: str, values: Sequence[float]) -> int:
        if metric not in self._known:
            self._known[metric] = self.everywhere ^ _number(map(isnan, values))
        return self._known[metric]


def backtest(rule: AlertRule, series: StoredSeries) -> TestedRule:
    """When the rule's alert would have fired."""
    condition = parse(rule.condition)
    mask = _mask_of(condition, series)
    firings = list(_firings(_Minutes.of(rule, mask, series.steps), rule.wait))
    lengths = [STEP * ((series.steps - 1 if until is None else until) - since) for since, until in firings]
    known = mask.true | mask.false
    return TestedRule(
        alert_name=rule.alert_name,
        condition=rule.condition,
        firings=len(firings),
        firing_seconds=sum(lengths),
        longest_seconds=max(lengths, default=0),
        periods=tuple(_period(condition, series, *each) for each in firings[-MOST_PERIODS:]),
        steps=known.bit_count(),
    )


def _mask_of(condition: Condition, series: StoredSeries) -> _Mask:
    if isinstance(condition, Comparison):
        return series.mask(condition)
    first, *others = (_mask_of(each, series) for each in condition.parts)
    for each in others:
        if isinstance(condition, AllOf):
            first = _Mask(first.true & each.true, first.false | each.false)
        else:
            first = _Mask(first.true | each.true, first.false & each.false)
    return first


def _period(condition: Condition, series: StoredSeries, fired: int, resolved: int | None) -> TestedFiring:
    values = series.values_at(fired)
    return TestedFiring(
        since=_moment(series.time_of(fired)),
        until=None if resolved is None else _moment(series.time_of(resolved)),
        value=values.get(first_holding(condition, values).metric),
    )


@dataclass(frozen=True, slots=True)
class _Minutes:
    """Whether a condition holds at each minute, and whether its alert may change there: bytes, 0 or 1."""

    held: bytes
    counts: bytes
    """Of a rule that keeps its state without data, only minutes with data."""

    @classmethod
    def of(cls, rule: AlertRule, mask: _Mask, steps: int) -> "_Minutes":
        everywhere = int.from_bytes(b"\x01" * steps, "little")
        unknown = everywhere & ~(mask.true | mask.false)
        if rule.missing is not Missing.KEEP or not unknown:
            held = mask.true | (unknown if rule.missing is Missing.ALERT else 0)
            return cls(held.to_bytes(steps, "little"), b"\x01" * steps)
        codes = (mask.true + 2 * unknown).to_bytes(steps, "little")
        held_on = _TRUE_THEN_UNKNOWN.sub(lambda found: b"\x01" * len(found[0]), codes)
        return cls(held_on.replace(b"\x02", b"\x00"), (everywhere ^ unknown).to_bytes(steps, "little"))

    def next(self, value: bytes, start: int) -> int:
        """The first minute from `start` on at which it holds, or doesn't; the end if there is none."""
        found = self.held.find(value, start)
        return len(self.held) if found < 0 else found

    def next_that_counts(self, start: int) -> int:
        """The first minute from `start` on at which the alert may change; the end if there is none."""
        found = self.counts.find(b"\x01", start)
        return len(self.counts) if found < 0 else found


def _firings(minutes: _Minutes, wait: float) -> Iterator[tuple[int, int | None]]:
    """At which minutes the alert would have fired and been resolved, by the rules of `AlertMachine`.

    Runs in which the condition doesn't hold for long enough are passed over by the regular expression.
    """
    needed = math.ceil(wait / STEP)
    long_enough = re.compile(b"\x01{%d,}" % (needed + 1)) if needed < _LARGEST_REPEAT else None
    fired: tuple[int, ...] = ()
    position = 0
    while long_enough and (run := long_enough.search(minutes.held, position)):
        fires = minutes.next_that_counts(run.start() + needed)
        position = run.end()
        if fires < run.end():
            fired = (*fired, fires)[-FLAPS:]
            resolved = _resolved(minutes, fires, fired)
            yield fires, resolved
            if resolved is None:
                return
            position = resolved


def _resolved(minutes: _Minutes, fires: int, fired: Sequence[int]) -> int | None:
    """When an alert that fires is resolved; None if it fires still."""
    end = len(minutes.held)
    stops = minutes.next(_FALSE, fires)
    while stops < end:
        is_flapping = len(fired) == FLAPS and (stops - fired[0]) * STEP <= FLAPPING_SECONDS
        quiet = math.ceil(QUIET_SECONDS / STEP) if is_flapping else 0
        begins_again = minutes.next(_TRUE, stops)
        resolved = minutes.next_that_counts(stops + quiet)
        if resolved < begins_again:
            return resolved
        stops = minutes.next(_FALSE, begins_again)
    return None


def _number(mask: Iterable[int]) -> int:
    return int.from_bytes(bytes(mask), "little")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

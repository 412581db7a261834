"""How long an operation takes: from the last measured ones of its target, or a default before the first. Pure.

An estimate is "a-b": half of the last operations took less than a, nine of ten less than b. If the number of pods
explains the durations, each is first moved along that line to the number of pods in question; the line is Theil's and
Sen's, which single outliers don't move.

The defaults: services start at the same time at best, and one after the other at worst; pods that stop have 30 s.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import NamedTuple

CONSIDERED = 30
"""The last operations of a target that count. More would be slow to notice that a cluster became faster."""
_ENOUGH_FOR_A_LINE = 8
_EXPLAINS = 0.7
"""The line is used if it reduces the median deviation to this share, or less."""
_MOST = 0.9
_SECONDS_UP_TO, _MINUTES_UP_TO = 120, 120 * 60
_FINE_STEPS_UP_TO = 10
_COARSE_STEP = 5
_STOPPING = (30.0, 120.0)
_SIMULATED = (5.0, 60.0)
"""Seconds on the simulator: a pod is ready 3 to 20 s after its binding."""


class Measured(NamedTuple):
    """One operation of the past."""

    pods: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The duration of an operation in seconds; `sample` are the possible ones, in order."""

    low: float
    high: float
    sample: tuple[float, ...]

    @property
    def text(self) -> str:
        """The documented form: `15-20 minutes`, `20-45 seconds`."""
        unit, name = _unit(self.high)
        least, most = self.low / unit, self.high / unit
        step = 1 if most <= _FINE_STEPS_UP_TO else _COARSE_STEP
        first, last = math.floor(least / step) * step, math.ceil(most / step) * step
        return f"{first}-{max(last, first + step)} {name}"

    def end(self, elapsed: float) -> float | None:
        """Seconds from the start to the end, if it hasn't ended after `elapsed`; None if all took less than that."""
        longer = [each for each in self.sample if each > elapsed]
        return median(longer) if longer else None


def measured(past: Sequence[Measured], pods: int) -> Estimate | None:
    """The estimate for an operation with `pods` from past ones; None without any."""
    if not past:
        return None
    slope = _slope(past)
    moved = tuple(sorted(max(0.0, each.seconds + slope * (pods - each.pods)) for each in past))
    return Estimate(median(moved), _nine_of_ten(moved), moved)


def starting(startup_seconds: Iterable[float], *, simulated: bool = False) -> Estimate:
    """The default for what starts services, from how long each of them takes to start."""
    each = [0.0, *startup_seconds]
    return _default(*(_SIMULATED if simulated else (max(each), max(sum(each), _COARSE_STEP * 60.0))))


def stopping(*, simulated: bool = False) -> Estimate:
    """The default for what only ends pods."""
    return _default(*(_SIMULATED if simulated else _STOPPING))


def _default(low: float, high: float) -> Estimate:
    return Estimate(low, high, (low, high))


def _slope(past: Sequence[Measured]) -> float:
    """Seconds for each pod more; 0 if pods don't explain the durations."""
    pairs = combinations(past, 2)
    slopes = [(b.seconds - a.seconds) / (b.pods - a.pods) for a, b in pairs if a.pods != b.pods]
    if len(past) < _ENOUGH_FOR_A_LINE or not slopes:
        return 0.0
    slope = median(slopes)
    without = _deviation([each.seconds for each in past])
    left = _deviation([each.seconds - slope * each.pods for each in past])
    return slope if slope > 0 and left <= _EXPLAINS * without else 0.0


def _deviation(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(each - middle) for each in values)


def _nine_of_ten(ordered: Sequence[float]) -> float:
    """What nine of ten next ones stay below: with n values, the next is below the k-th with probability k/(n + 1)."""
    rank = math.ceil(_MOST * (len(ordered) + 1))
    return ordered[rank - 1] if rank <= len(ordered) else ordered[-1] * (1 + 1 / len(ordered))


def _unit(seconds: float) -> tuple[int, str]:
    if seconds <= _SECONDS_UP_TO:
        return 1, "seconds"
    return (60, "minutes") if seconds <= _MINUTES_UP_TO else (3600, "hours")

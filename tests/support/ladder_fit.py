"""What a tenant costs, by a straight line through the rungs, and how many fit before a wall. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GROWS = 1.5
"""A tenant of the last rung that costs this many times one of the first is a cost that grows faster than linearly."""


@dataclass(frozen=True)
class Line:
    """`base` + `each` x tenants, and how the cost of one more tenant changes from the first rungs to the last."""

    base: float
    each: float
    bend: float | None
    """The cost of a further tenant between the last two rungs, divided by that between the first two. None for less
    than three rungs, or if it is too small to be compared."""

    def at(self, tenants: float) -> float:
        """The cost of so many."""
        return self.base + self.each * tenants

    def wall(self, limit: float) -> float:
        """The tenants at which the cost reaches `limit`; infinite if it doesn't grow."""
        return (limit - self.base) / self.each if self.each > 0 else float("inf")


def line(tenants: Sequence[int], costs: Sequence[float]) -> Line | None:
    """The line through the costs of the rungs; None for less than two."""
    if len(tenants) < 2:
        return None
    # Weighted by the tenants: the costs of many are measured best.
    each, base = np.polyfit(tenants, costs, 1, w=np.sqrt(tenants))
    return Line(float(base), float(each), _bend(tenants, costs))


def _bend(tenants: Sequence[int], costs: Sequence[float]) -> float | None:
    if len(tenants) < 3:
        return None
    first, last = _slope(tenants[:2], costs[:2]), _slope(tenants[-2:], costs[-2:])
    whole = _slope((tenants[0], tenants[-1]), (costs[0], costs[-1]))
    return last / first if first > whole / 4 > 0 else None


def _slope(tenants: Sequence[int], costs: Sequence[float]) -> float:
    return (costs[1] - costs[0]) / (tenants[1] - tenants[0])

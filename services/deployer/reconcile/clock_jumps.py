"""Removes the jumps of a wall clock, for deadlines. Pure.

A deadline is kept in wall time, because another process may have to continue with it. When the machine's clock is set
an hour forward, or a virtual machine was suspended, that hour doesn't count as the deployment's time; an hour back must
not extend the deadline. A monotonic clock shows how much time has really passed between two moments.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

_JUMP: Final = timedelta(seconds=5)
"""Smaller differences come from slewing, or from a pause between reading the two clocks."""


@dataclass
class ClockJumps:
    """Follows the wall clock by `monotonic`, in seconds; without one, no time counts as a jump."""

    monotonic: Callable[[], float] | None = None
    _sum: timedelta = field(default=timedelta(), init=False)
    _last: tuple[datetime, float] | None = field(default=None, init=False)

    def without(self, now: datetime) -> datetime:
        """`now` as it would be if the clock had not jumped since the first call."""
        if self.monotonic is None:
            return now
        moment = self.monotonic()
        if self._last is not None:
            jump = (now - self._last[0]) - timedelta(seconds=moment - self._last[1])
            self._sum += jump if abs(jump) >= _JUMP else timedelta()
        self._last = (now, moment)
        return now - self._sum

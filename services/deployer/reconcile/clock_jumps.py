"""A wall clock without its jumps, for deadlines: what a step of the clock adds is taken off again. Pure.

A deadline is kept by wall time, since other processes must be able to go on with it. But when the machine's clock is
set an hour forward, or a virtual machine was suspended, that hour is no time that a deployment has had; and an hour
back must not make it wait an hour longer. A monotonic clock tells how much time has really passed between two moments.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

_JUMP: Final = timedelta(seconds=5)
"""Less is slewing, or a process that had no time between reading one clock and the other."""


@dataclass
class ClockJumps:
    """Follows the wall clock by `monotonic`, in seconds; without one, every time is believed."""

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

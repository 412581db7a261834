"""Wall time and its steps: how long ago a timestamp was made, although the machine's clock was set in between.

A timestamp follows the machine's clock, so that no client sees an object from the future. How much time has passed is
told by the monotonic clock, which can't be set: an hour that the clock jumps over, or that a laptop is suspended for,
is no time in which a pod has started, and after a jump back no pod waits an hour longer.

Between two steps the two clocks run alike; that stretch is a piece. A timestamp belongs to the latest piece that has
it. After a step back some are in two pieces; the later one is taken, so that what is due comes late rather than early.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

_STEP: Final = timedelta(seconds=5)
"""Less is slewing, or a process that had no time between reading one clock and the other."""
_WHOLE_SECOND: Final = timedelta(seconds=1)
"""Timestamps of Kubernetes have no fraction: one can be so much before the piece in which it was made."""
_PIECES: Final = 64
"""Steps that are remembered; a timestamp that is older than all of them belongs to the oldest."""


class _Piece(NamedTuple):
    wall: datetime
    passed: float
    """Monotonic seconds at `wall`, its beginning."""


def machine_time() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


class WallTime:
    """Follows the machine's clock. `wall` and `monotonic` are for tests."""

    def __init__(
        self, wall: Callable[[], datetime] = machine_time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._pieces = [_Piece(wall(), monotonic())]
        self._started = self._pieces[0]

    def now(self) -> datetime:
        """The machine's time, whatever it was set to."""
        wall, passed = self._wall(), self._monotonic()
        if abs(wall - _wall_at(self._pieces[-1], passed)) >= _STEP:
            self._pieces = [*self._pieces[1 - _PIECES :], _Piece(wall, passed)]
        return wall

    def steady(self) -> datetime:
        """The time at the start and what has passed since, whatever the clock was set to: for spans of time alone."""
        return _wall_at(self._started, self._monotonic())

    def since(self, moment: datetime) -> float:
        """Seconds that have really passed since the timestamp `moment` was made; 0 where it was made in advance."""
        now = self.now()
        if self._pieces[-1].wall - _WHOLE_SECOND <= moment < now + _STEP:
            return max(0.0, (now - moment).total_seconds())
        return max(0.0, self._monotonic() - self._passed_at(moment))

    def _passed_at(self, moment: datetime) -> float:
        """The monotonic time of a timestamp that isn't of the present piece."""
        for piece, following in reversed(list(pairwise(self._pieces))):
            if piece.wall - _WHOLE_SECOND <= moment <= _wall_at(piece, following.passed):
                return _passed_in(piece, moment)
        if moment < self._pieces[0].wall:
            return _passed_in(self._pieces[0], moment)
        # In a gap that a step forward left, or from the future already when this process started.
        return next((piece.passed for piece in self._pieces if piece.wall > moment), self._pieces[0].passed)


def _wall_at(piece: _Piece, passed: float) -> datetime:
    return piece.wall + timedelta(seconds=passed - piece.passed)


def _passed_in(piece: _Piece, moment: datetime) -> float:
    return piece.passed + (moment - piece.wall).total_seconds()

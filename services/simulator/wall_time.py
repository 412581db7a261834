"""The age of timestamps when the machine's clock was set after they were made.

Timestamps follow the machine's clock, so that no client sees an object from the future. Elapsed time follows the
monotonic clock, which can't be set. A jump of an hour, or an hour of a suspended laptop, therefore doesn't count as
time in which a pod started, and after a jump back no pod waits an hour longer.

Between two settings of the wall clock both clocks advance alike; such an interval is a piece. A timestamp belongs to
the latest piece that contains it. After a jump back two pieces may contain it; the later one is used, so that a delay
ends late rather than early.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

_STEP: Final = timedelta(seconds=5)
"""A smaller difference is slewing, or the process was paused between reading the two clocks."""
_WHOLE_SECOND: Final = timedelta(seconds=1)
"""Kubernetes' timestamps have no fraction: one can be up to this much before the piece in which it was made."""
_PIECES: Final = 64
"""Pieces that are remembered; a timestamp before all of them belongs to the oldest."""


class _Piece(NamedTuple):
    wall: datetime
    passed: float
    """Monotonic seconds at `wall`, the start of the piece."""


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
        """The machine's current time, also after it was set."""
        wall, passed = self._wall(), self._monotonic()
        if abs(wall - _wall_at(self._pieces[-1], passed)) >= _STEP:
            self._pieces = [*self._pieces[1 - _PIECES :], _Piece(wall, passed)]
        return wall

    def steady(self) -> datetime:
        """The time at the start plus elapsed time, unaffected by settings of the clock; for durations only."""
        return _wall_at(self._started, self._monotonic())

    def since(self, moment: datetime) -> float:
        """Elapsed seconds since the timestamp `moment` was made; 0 for one in the future."""
        now = self.now()
        if self._pieces[-1].wall - _WHOLE_SECOND <= moment < now + _STEP:
            return max(0.0, (now - moment).total_seconds())
        return max(0.0, self._monotonic() - self._passed_at(moment))

    def _passed_at(self, moment: datetime) -> float:
        """The monotonic time of a timestamp before the current piece."""
        for piece, following in reversed(list(pairwise(self._pieces))):
            if piece.wall - _WHOLE_SECOND <= moment <= _wall_at(piece, following.passed):
                return _passed_in(piece, moment)
        if moment < self._pieces[0].wall:
            return _passed_in(self._pieces[0], moment)
        # Skipped by a jump forward, or already in the future when this process started.
        return next((piece.passed for piece in self._pieces if piece.wall > moment), self._pieces[0].passed)


def _wall_at(piece: _Piece, passed: float) -> datetime:
    return piece.wall + timedelta(seconds=passed - piece.passed)


def _passed_in(piece: _Piece, moment: datetime) -> float:
    return piece.passed + (moment - piece.wall).total_seconds()

"""One alert: inactive, pending, firing, resolved. Pure; the time is given.

    inactive ──the condition holds──▶ pending ──for its duration──▶ firing ──it holds no longer──▶ resolved (inactive)
                                         └──it holds no longer──▶ inactive

Flapping is damped: an alert that has fired three times within an hour is resolved only when its condition hasn't held
for ten minutes. So one that comes and goes is one long alert instead of a message every minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

FLAPS = 3
FLAPPING_SECONDS = 3600.0
"""An alert that has fired `FLAPS` times in so many seconds is flapping."""
QUIET_SECONDS = 600.0
"""For so long the condition of a flapping alert must not hold before it is resolved."""


class Status(StrEnum):
    """The state of an alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an alert at `at`. Since `began` its condition holds or held; before the change, `before_began`."""

    before: Status
    after: Status
    began: float
    at: float
    before_began: float


class AlertMachine:
    """The state of one alert. Times are Unix seconds of samples."""

    __slots__ = ("began", "changed", "fired", "status", "wait")

    def __init__(
        self,
        wait: float,
        *,
        status: Status = Status.INACTIVE,
        began: float = 0.0,
        fired: Sequence[float] = (),
        changed: float = float("-inf"),
    ) -> None:
        """`wait` in seconds must the condition hold; the rest is what was stored.

        `fired` are the last firings, and `changed` is the time of the last change: earlier samples, which come again
        after a restart, change nothing.
        """
        self.wait = wait
        self.status = status
        self.began = began
        self.changed = changed
        self.fired = tuple(fired[-FLAPS:])

    def advance(self, now: float, since: float, *, holds: bool) -> Change | None:
        """The change at `now`, if any: the condition holds, or doesn't, since `since`."""
        if now < self.changed:
            return None
        if self.status is Status.FIRING:
            return None if holds or now - since < self._quiet(since) else self._become(Status.INACTIVE, self.began, now)
        if not holds:
            return None if self.status is Status.INACTIVE else self._become(Status.INACTIVE, self.began, now)
        # What holds since before its alert was resolved is another alert, which begins there.
        since = max(since, self.changed)
        if now - since >= self.wait:
            self.fired = (*self.fired, now)[-FLAPS:]
            return self._become(Status.FIRING, since, now)
        # A late sample may have moved the beginning of a pending alert.
        is_same = self.status is Status.PENDING and since == self.began
        return None if is_same else self._become(Status.PENDING, since, now)

    def end(self, now: float) -> Change | None:
        """The end of an alert whose rule is gone; None if it is inactive."""
        return None if self.status is Status.INACTIVE else self._become(Status.INACTIVE, self.began, now)

    def _quiet(self, since: float) -> float:
        """Seconds for which the condition must not hold: 0 unless the alert was flapping when it stopped to hold."""
        is_flapping = len(self.fired) == FLAPS and since - self.fired[0] <= FLAPPING_SECONDS
        return QUIET_SECONDS if is_flapping else 0.0

    def _become(self, status: Status, began: float, at: float) -> Change:
        change = Change(self.status, status, began, at, self.began)
        if self.status is Status.FIRING:
            self.changed = at
        self.status, self.began = status, began
        return change

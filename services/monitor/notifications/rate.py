"""How many notifications a receiver gets in a minute: a token bucket. Pure; the time is an argument."""

from datetime import datetime, timedelta
from typing import NamedTuple

_MINUTE = 60.0
_BURST_PART = 6
"""The bucket holds a sixth of a minute's tokens, and at least one."""


class Bucket(NamedTuple):
    """Tokens at a moment. A notification takes one."""

    tokens: float
    at: datetime

    def at_time(self, now: datetime, most_per_minute: int) -> "Bucket":
        """The bucket at `now`; a clock that went back gives no tokens."""
        gained = max(0.0, (now - self.at).total_seconds()) * most_per_minute / _MINUTE
        return Bucket(min(capacity(most_per_minute), self.tokens + gained), now)

    @property
    def whole(self) -> int:
        """Notifications that may be made now. Rounding errors of half a microsecond's tokens don't count."""
        return int(self.tokens + 1e-6)

    def less(self, notifications: int) -> "Bucket":
        return Bucket(self.tokens - notifications, self.at)

    def next_at(self, most_per_minute: int) -> datetime:
        """When the next token is there."""
        return self.at + timedelta(seconds=max(0.0, 1 - self.tokens) * _MINUTE / most_per_minute)


def capacity(most_per_minute: int) -> float:
    """The most tokens of a bucket."""
    return max(1.0, most_per_minute / _BURST_PART)


def full(most_per_minute: int, now: datetime) -> Bucket:
    """That of a receiver that was told nothing yet."""
    return Bucket(capacity(most_per_minute), now)

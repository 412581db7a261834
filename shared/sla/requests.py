"""Availability by requests: good over total, where a tenant's requests are counted.

Counts are per minute. A minute without requests doesn't count, and below a minimum number of requests the status of a
period is unknown: one failed request of ten is no outage of a contact centre.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from shared.sla.figures import SlaStatus
from shared.sla.history import Span, united

LOW_TRAFFIC = 100
"""Requests below which a period's status is unknown."""


class Minute(NamedTuple):
    """Requests of a minute that begins with slice `start`; `bad` of them failed."""

    start: int
    total: float
    bad: float


@dataclass(frozen=True, slots=True)
class Requests:
    """What a window's requests amount to."""

    total: float
    bad: float

    @property
    def is_low_traffic(self) -> bool:
        return self.total < LOW_TRAFFIC

    @property
    def availability(self) -> float | None:
        """In percent; None without requests."""
        return 100 * (1 - self.bad / self.total) if self.total else None

    def status(self, target: Fraction) -> SlaStatus:
        """Against a target between 0 and 1."""
        if self.is_low_traffic:
            return "unknown"
        good = Fraction(self.total) - Fraction(self.bad)
        return "meeting" if good >= target * Fraction(self.total) else "violated"

    def burn_rate(self, target: Fraction) -> float | None:
        """The part that failed over the part that may; None without requests."""
        return self.bad / self.total / float(1 - target) if self.total else None


def requests_of(minutes: Sequence[Minute], window: Span, *, maintenance: Iterable[Span] = ()) -> Requests:
    """The requests of the minutes that begin in `window` and not in maintenance. At most all of them are bad."""
    planned = united(maintenance, window)
    counted = [
        minute
        for minute in minutes
        if window.start <= minute.start < window.end
        and not any(each.start <= minute.start < each.end for each in planned)
    ]
    return Requests(
        total=sum(minute.total for minute in counted),
        bad=sum(min(minute.bad, minute.total) for minute in counted),
    )

"""The SLA figures of a history in a window of time.

Every slice of the window counts as exactly one of these:

    maintenance   it was announced beforehand; observations in it don't count
    up, down      as it was observed
    unknown       it could not be observed (no sampler, no answer from the cluster), or the tenant was not due
                  (stopped, a workload in its first rollout). It is neither up nor down, and it is shown.

A window begins with the first slice that was ever up, if that is later: nothing was promised before the first start.

    availability   up / (up + down); with nothing known there is none, rather than 100 %
    failure        a stretch of down slices until the next up one; unknown time and maintenance neither begin nor end
                   it. One that was going on already when the window began is one of the window's.
    MTTR, MTBF     down / failures, up / failures: so that availability = MTBF / (MTBF + MTTR)
    error budget   (1 - target) of the period without its maintenance, e.g. 216 min of 30 days at 99.5 %
    burn rate      down / (up + down) over (1 - target): at 1 the budget is used up just at the period's end
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal, NamedTuple

from shared.sla.history import SLICE_SECONDS, Run, Span, slice_start, united, without

SlaStatus = Literal["meeting", "violated", "unknown"]

BURN_WINDOWS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "1d": 86_400, "3d": 259_200}
"""Seconds of the windows that multi-window burn-rate alerts look at."""
_PROJECTED_BY = "1d"
"""The burn rate that the exhaustion is projected by: shorter ones would cry at each restart."""


class Failure(NamedTuple):
    """A stretch of downtime. `end` is None while it lasts; `seconds` are those that were seen down."""

    start: int
    end: int | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All lengths are in seconds; they add up to the window's."""

    window: Span
    """As far as it has passed, from the first slice that was up."""
    up_seconds: int = 0
    down_seconds: int = 0
    maintenance_seconds: int = 0
    failures: tuple[Failure, ...] = ()
    is_up: bool | None = None
    """The last known state."""

    @property
    def since(self) -> datetime:
        return slice_start(self.window.start)

    @property
    def until(self) -> datetime:
        return slice_start(self.window.end)

    @property
    def observed_seconds(self) -> int:
        return self.up_seconds + self.down_seconds

    @property
    def unknown_seconds(self) -> int:
        return self.window.seconds - self.observed_seconds - self.maintenance_seconds

    @property
    def availability(self) -> float | None:
        """In percent."""
        return 100 * self.up_seconds / self.observed_seconds if self.observed_seconds else None

    @property
    def mttr_seconds(self) -> float | None:
        """Mean time to repair; None without a failure."""
        return self.down_seconds / len(self.failures) if self.failures else None

    @property
    def mtbf_seconds(self) -> float | None:
        """Mean time between failures; None without a failure."""
        return self.up_seconds / len(self.failures) if self.failures else None

    def status(self, target: Fraction) -> SlaStatus:
        """Against a target between 0 and 1, compared exactly."""
        if not self.observed_seconds:
            return "unknown"
        return "meeting" if self.up_seconds >= target * self.observed_seconds else "violated"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much downtime a period allows, and how much of it is gone."""

    allowed_seconds: float
    spent_seconds: int
    exhausts_at: datetime | None
    """When it was used up, or will be if the last day goes on like this; None if it lasts."""

    @property
    def left(self) -> float:
        """The part that is left; negative when more was spent than allowed."""
        return 1 - self.spent_seconds / self.allowed_seconds if self.allowed_seconds else 0.0


def figures_of(runs: Sequence[Run], window: Span, *, now: int, maintenance: Iterable[Span] = ()) -> Figures | None:
    """The figures of `window` up to the start of slice `now`, or up to what is known if that is later.

    None if the tenant hasn't been up before the window's end.
    """
    began = next((run.start for run in runs if run.up), None)
    end = min(window.end, max(now, runs[-1].end)) if runs else window.end
    if began is None or began >= end:
        return None
    span = Span(max(window.start, began), end)
    if span.start >= span.end:
        return None
    planned = united(maintenance, span)
    seen = _seen(runs, span, planned)
    return Figures(
        window=span,
        up_seconds=sum(run.end - run.start for run in seen if run.up) * SLICE_SECONDS,
        down_seconds=sum(run.end - run.start for run in seen if not run.up) * SLICE_SECONDS,
        maintenance_seconds=sum(each.seconds for each in planned),
        failures=tuple(_failures(seen)),
        is_up=seen[-1].up if seen else None,
    )


def burn_rates(
    runs: Sequence[Run], target: Fraction, *, now: int, maintenance: Sequence[Span] = ()
) -> dict[str, float | None]:
    """The burn rate of each of `BURN_WINDOWS`, up to `now`; None where nothing is known."""
    rates: dict[str, float | None] = {}
    for name, seconds in BURN_WINDOWS.items():
        figures = figures_of(runs, Span(now - seconds // SLICE_SECONDS, now), now=now, maintenance=maintenance)
        known = figures.observed_seconds if figures else 0
        rates[name] = float(Fraction(figures.down_seconds, known) / (1 - target)) if figures and known else None
    return rates


def budget_of(
    runs: Sequence[Run], period: Span, target: Fraction, *, now: int, maintenance: Sequence[Span] = ()
) -> Budget:
    """The error budget of a whole period, whatever of it has passed. `target` is between 0 and 1."""
    planned = united(maintenance, period)
    allowed = (1 - target) * (period.seconds - sum(each.seconds for each in planned))
    figures = figures_of(runs, period, now=now, maintenance=maintenance)
    if figures is None:
        return Budget(float(allowed), 0, None)
    spent = figures.down_seconds
    if spent > allowed:
        exhausted = _exhausted(_seen(runs, figures.window, planned), allowed)
    else:
        rate = burn_rates(runs, target, now=now, maintenance=maintenance)[_PROJECTED_BY]
        exhausted = _projected(float(allowed) - spent, rate, target, Span(now, period.end))
    return Budget(float(allowed), spent, exhausted)


def _seen(runs: Sequence[Run], span: Span, planned: Sequence[Span]) -> list[Run]:
    inside = (Run(max(run.start, span.start), min(run.end, span.end), run.up) for run in runs)
    return list(without((run for run in inside if run.start < run.end), planned))


def _failures(seen: Iterable[Run]) -> Iterable[Failure]:
    open_: Failure | None = None
    for run in seen:
        if run.up and open_ is not None:
            yield open_._replace(end=run.start)
            open_ = None
        elif not run.up:
            open_ = open_ or Failure(run.start, None, 0)
            open_ = open_._replace(seconds=open_.seconds + (run.end - run.start) * SLICE_SECONDS)
    if open_ is not None:
        yield open_


def _exhausted(seen: Iterable[Run], allowed: Fraction) -> datetime | None:
    """The end of the slice with which more is spent than allowed."""
    left = allowed
    for run in seen:
        if not run.up:
            slices = left // SLICE_SECONDS + 1
            if slices <= run.end - run.start:
                return slice_start(run.start + int(slices))
            left -= (run.end - run.start) * SLICE_SECONDS
    return None


def _projected(left: float, rate: float | None, target: Fraction, rest: Span) -> datetime | None:
    """When the rest of the budget is gone at a burn rate; None if that isn't before the period ends."""
    if not rate:
        return None
    seconds = left / (rate * float(1 - target))
    return slice_start(rest.start + int(seconds // SLICE_SECONDS)) if seconds < rest.seconds else None

"""The figures of a tenant's availability in sliding windows, kept up to date slice by slice. Pure.

As `shared.sla.figures` has them, whose sums over a month of runs for each slice would take too long, but for one
difference: a burn rate counts its whole window, also the part of it that wasn't observed. So neither a new tenant's
first minutes nor a few samples can page.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from shared.alerts.figures import AVAILABILITY, BUDGET_LEFT
from shared.sla import SLICE_SECONDS, AvailabilityHistory, Run, Span
from shared.sla.figures import BURN_WINDOWS
from shared.sla.history import united, without

PERIOD_SLICES = 30 * 86_400 // SLICE_SECONDS
"""Of the error budget, and of the availability."""
_WINDOWS = {f"burn_rate_{name}": seconds // SLICE_SECONDS for name, seconds in BURN_WINDOWS.items()}
_EVER = 2**62


class AvailabilityWindow:
    """One tenant's availability. `target` is between 0 and 1; slices in `maintenance` don't count."""

    __slots__ = ("_down", "_ends", "_history", "_known", "_maintenance", "_starts", "_target", "_up", "_up_since")

    def __init__(self, target: float, runs: Iterable[Run] = (), maintenance: Sequence[Span] = ()) -> None:
        self._target = target
        self._maintenance = united(maintenance, Span(0, _EVER))
        self._history = list(runs)
        self._rebuild()

    @property
    def last(self) -> int:
        """The slice after the last known one; 0 without any."""
        return self._history[-1].end if self._history else 0

    def set_terms(self, target: float, maintenance: Sequence[Span]) -> None:
        """Another target, or other windows."""
        planned = united(maintenance, Span(0, _EVER))
        if (target, planned) != (self._target, self._maintenance):
            self._target, self._maintenance = target, planned
            self._rebuild()

    def observe(self, number: int, *, up: bool) -> None:
        """Slice `number` was up, or down; what is known already stands."""
        last = self._history[-1] if self._history else None
        if last is None or number > last.end or (number == last.end and up != last.up):
            self._history.append(Run(number, number + 1, up))
            self._rebuild()
        elif number == last.end:
            self._history[-1] = last._replace(end=number + 1)
            if self._ends and self._ends[-1] == number and not self._planned(number):
                self._ends[-1] = number + 1
            else:
                self._rebuild()
        elif not self._knows(number):
            history = AvailabilityHistory(self._history)
            history.observe(number, up=up)
            self._history = list(history.runs)
            self._rebuild()

    def forget(self, before: int) -> None:
        """Drop the runs that ended before slice `before`, but for the last one that was up."""
        kept = [each for each in self._history if each.end >= before]
        if len(kept) < len(self._history):
            earlier = [each for each in self._history if each.end < before and each.up]
            self._history = [*earlier[-1:], *kept] if not any(each.up for each in kept) else kept
            self._rebuild()

    def figures(self, now: int) -> dict[str, float]:
        """The figures of the windows whose last slice is `now`; those that are unknown are absent."""
        end = now + 1
        began = self._up_since
        if began is None or began >= end:
            return {}
        found = {}
        allowed = 1 - self._target
        for name, slices in _WINDOWS.items():
            known, down = self._counts(max(end - slices, began), end)
            if known:
                found[name] = down / slices / allowed
        known, down = self._counts(max(end - PERIOD_SLICES, began), end)
        planned = sum(each.seconds for each in united(self._maintenance, Span(end - PERIOD_SLICES, end)))
        budget = allowed * (PERIOD_SLICES - planned / SLICE_SECONDS)
        if budget > 0:
            found[BUDGET_LEFT] = 100 * (1 - down / budget)
        if known:
            found[AVAILABILITY] = 100 * (known - down) / known
        return found

    def _counts(self, start: int, end: int) -> tuple[int, int]:
        """The known slices from `start` to `end`, and those of them that were down."""
        known, down = self._until(end)
        known_before, down_before = self._until(start)
        return known - known_before, down - down_before

    def _until(self, number: int) -> tuple[int, int]:
        index = bisect_right(self._starts, number) - 1
        if index < 0:
            return 0, 0
        inside = min(number, self._ends[index]) - self._starts[index]
        return self._known[index] + inside, self._down[index] + (0 if self._up[index] else inside)

    def _rebuild(self) -> None:
        runs = list(without(self._history, self._maintenance))
        self._starts = [run.start for run in runs]
        self._ends = [run.end for run in runs]
        self._up = [run.up for run in runs]
        self._known, self._down = [0], [0]
        for run in runs[:-1]:
            slices = run.end - run.start
            self._known.append(self._known[-1] + slices)
            self._down.append(self._down[-1] + (0 if run.up else slices))
        self._up_since = next((run.start for run in self._history if run.up), None)

    def _planned(self, number: int) -> bool:
        return any(span.start <= number < span.end for span in self._maintenance)

    def _knows(self, number: int) -> bool:
        index = bisect_right(self._history, number, key=lambda run: run.start) - 1
        return index >= 0 and number < self._history[index].end

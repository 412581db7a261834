"""The figures of a tenant's availability at each minute of a past time, for backtests. Pure.

As `AvailabilityWindow` has them slice by slice; here each figure is one pass over all minutes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import nan

from services.monitor.alerts.availability_window import PERIOD_SLICES
from services.monitor.alerts.backtest import STEP
from shared.alerts.figures import AVAILABILITY, BUDGET_LEFT, SERVICES_DOWN, UNOBSERVED
from shared.sla import SLICE_SECONDS, Run, Span
from shared.sla.figures import BURN_WINDOWS
from shared.sla.history import united, without

_SLICES = STEP // SLICE_SECONDS
_PERIOD_STEPS = PERIOD_SLICES // _SLICES


@dataclass(frozen=True, slots=True)
class PastAvailability:
    """What is stored of a tenant's availability. `target` is between 0 and 1."""

    target: float
    runs: Sequence[Run]
    services: Mapping[str, Sequence[Run]]
    maintenance: Sequence[Span] = ()


def stored_figures(
    past: PastAvailability, start: int, steps: int, names: Collection[str]
) -> dict[str, Sequence[float]]:
    """The figures `names` at the end of each of `steps` minutes from `start` (Unix seconds, a whole minute)."""
    first = start // SLICE_SECONDS - PERIOD_SLICES
    known, down = _sums(past, first, steps + _PERIOD_STEPS)
    found: dict[str, Sequence[float]] = {}
    allowed = 1 - past.target
    for name, seconds in BURN_WINDOWS.items():
        if f"burn_rate_{name}" in names:
            back, slices = seconds // STEP, seconds / SLICE_SECONDS
            found[f"burn_rate_{name}"] = [
                (down[at] - down[at - back]) / slices / allowed if known[at] > known[at - back] else nan
                for at in range(_PERIOD_STEPS + 1, _PERIOD_STEPS + steps + 1)
            ]
    if {AVAILABILITY, BUDGET_LEFT} & set(names):
        found |= _of_the_period(past, known, down, steps, first)
    if {UNOBSERVED, SERVICES_DOWN} & set(names):
        found[UNOBSERVED] = _unobserved(known, steps)
        found[SERVICES_DOWN] = _services_down(past, start, steps, found[UNOBSERVED])
    return {name: values for name, values in found.items() if name in names}


def _sums(past: PastAvailability, first: int, steps: int) -> tuple[list[int], list[int]]:
    """How many slices were known, and down, from the first that was up until each minute's end (index 0: none)."""
    known, down = [0] * (steps + 1), [0] * (steps + 1)
    began = next((run.start for run in past.runs if run.up), None)
    planned = united(past.maintenance, Span(0, 2**62))
    if began is not None:
        for run in without([each for each in past.runs if each.end > began], planned):
            _spread(known, Span(max(run.start, began), run.end), first)
            if not run.up:
                _spread(down, Span(max(run.start, began), run.end), first)
    for sums in (known, down):
        for index in range(1, len(sums)):
            sums[index] += sums[index - 1]
    return known, down


def _spread(counts: list[int], span: Span, first: int) -> None:
    """Add the slices of `span` to the minutes in which they lie."""
    start, end = max(span.start, first), min(span.end, first + (len(counts) - 1) * _SLICES)
    while start < end:
        step = (start - first) // _SLICES
        until = min(end, first + (step + 1) * _SLICES)
        counts[step + 1] += until - start
        start = until


def _of_the_period(
    past: PastAvailability, known: Sequence[int], down: Sequence[int], steps: int, first: int
) -> dict[str, Sequence[float]]:
    allowed = 1 - past.target
    planned = [0] * (steps + _PERIOD_STEPS + 1)
    for span in united(past.maintenance, Span(first, first + (len(planned) - 1) * _SLICES)):
        _spread(planned, span, first)
    for index in range(1, len(planned)):
        planned[index] += planned[index - 1]
    left, availability = [], []
    for at in range(_PERIOD_STEPS + 1, _PERIOD_STEPS + steps + 1):
        before = at - _PERIOD_STEPS
        seen, lost = known[at] - known[before], down[at] - down[before]
        budget = allowed * (PERIOD_SLICES - planned[at] + planned[before])
        left.append(100 * (1 - lost / budget) if known[at] and budget > 0 else nan)
        availability.append(100 * (seen - lost) / seen if seen else nan)
    return {BUDGET_LEFT: left, AVAILABILITY: availability}


def _unobserved(known: Sequence[int], steps: int) -> list[float]:
    """Minutes since the last known slice; unknown before the first one."""
    found: list[float] = []
    last = nan
    for at in range(1, len(known)):
        last = 0.0 if known[at] > known[at - 1] else last + 1
        if at > _PERIOD_STEPS:
            found.append(last)
    return found[:steps]


def _services_down(past: PastAvailability, start: int, steps: int, unobserved: Sequence[float]) -> list[float]:
    counts = [0.0 if minutes == 0 else nan for minutes in unobserved]
    first = start // SLICE_SECONDS
    for runs in past.services.values():
        for run in runs:
            if not run.up and run.end > first:
                begin = max(0, (run.start - first) // _SLICES)
                for step in range(begin, min(steps, -(-(run.end - first) // _SLICES))):
                    counts[step] += 1
    return counts

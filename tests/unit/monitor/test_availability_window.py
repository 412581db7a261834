"""The sliding figures against those of the SLA reports, and the floor of the burn rates."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.alerts.availability_window import PERIOD_SLICES, AvailabilityWindow
from services.monitor.alerts.evaluation import RuleTrack, TenantEvaluation
from services.monitor.alerts.state_machine import Status
from shared.alerts.standard_rules import STANDARD_RULES
from shared.sla import AvailabilityHistory, Span, figures_of
from shared.sla.figures import BURN_WINDOWS, budget_of
from tests.support.examples import examples

TARGET = 0.995
HOUR = 720
"""Slices."""


@examples(200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(100_000, 100_400), st.booleans()), max_size=80),
    st.lists(st.tuples(st.integers(100_000, 100_400), st.integers(1, 30)), max_size=3),
)
def test_the_figures_are_those_of_the_reports(seen: list[tuple[int, bool]], planned: list[tuple[int, int]]) -> None:
    spans = [Span(start, start + length) for start, length in planned]
    window, history = AvailabilityWindow(TARGET, (), spans), AvailabilityHistory()
    for number, up in seen:
        window.observe(number, up=up)
        history.observe(number, up=up)
    now = 100_450
    found = window.figures(now - 1)
    period = Span(now - PERIOD_SLICES, now)
    figures = figures_of(history.runs, period, now=now, maintenance=spans)

    assert found.get("availability") == pytest.approx(figures.availability if figures else None)
    if figures:
        budget = budget_of(history.runs, period, Fraction("0.995"), now=now, maintenance=spans)
        assert found["error_budget_left"] == pytest.approx(100 * budget.left)
    for name, seconds in BURN_WINDOWS.items():
        part = figures_of(history.runs, Span(now - seconds // 5, now), now=now, maintenance=spans)
        down = part.down_seconds if part and part.observed_seconds else None
        expected = None if down is None else down / seconds / (1 - TARGET)
        assert found.get(f"burn_rate_{name}") == pytest.approx(expected)


def minutes_until_paged(window: AvailabilityWindow, first: int) -> float:
    tracks = [RuleTrack(STANDARD_RULES["burn-rate-1h"])]
    evaluation = TenantEvaluation(tracks, lambda time: window.figures(int(time // 5)))
    for slices in range(1, 2 * HOUR):
        window.observe(first + slices - 1, up=False)
        changes = evaluation.observe((first + slices - 1) * 5.0, "kubernetes", {})
        if any(each.change.after is Status.FIRING for each in changes):
            return slices * 5 / 60
    raise AssertionError("never paged")


@pytest.mark.parametrize("observed", [2 * HOUR, 12], ids=["a tenant that ran for long", "one that is a minute old"])
def test_a_full_outage_at_99_5_pages_at_4_32_minutes_and_not_before(observed: int) -> None:
    first = 100_000
    window = AvailabilityWindow(TARGET)
    for number in range(first, first + observed):
        window.observe(number, up=True)

    minutes = minutes_until_paged(window, first + observed)

    assert minutes - 5 / 60 <= 4.32 < minutes


def test_a_single_sample_that_is_down_does_not_page() -> None:
    window = AvailabilityWindow(TARGET)
    window.observe(100_000, up=True)
    window.observe(100_001, up=False)

    assert window.figures(100_001)["burn_rate_1h"] < 1


def test_old_runs_are_forgotten_but_for_the_last_one_that_was_up() -> None:
    window = AvailabilityWindow(TARGET)
    window.observe(100, up=True)
    window.observe(200, up=False)
    before = window.figures(1000)

    window.forget(150)

    assert window.figures(1000) == before

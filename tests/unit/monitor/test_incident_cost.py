"""What an incident cost: the downtime from the beginning of its failure, and its part of the error budget."""

from fractions import Fraction

import pytest

from services.monitor.incidents.cost import cost_of, failure_start
from shared.sla import Run, Span

MINUTE = 12
"""Slices of 5 s."""
TARGET = Fraction(995, 1000)
DAY = 1440 * MINUTE
UP = Run(0, DAY, True)


def down(start: int, end: int) -> Run:
    return Run(start, end, False)


def test_the_downtime_before_the_alert_counts() -> None:
    # Down for 5 minutes before the incident was opened, and for 10 until it was closed.
    opened = DAY + 5 * MINUTE
    runs = [UP, down(DAY, DAY + 15 * MINUTE), Run(DAY + 15 * MINUTE, DAY + 20 * MINUTE, True)]
    cost = cost_of(runs, opened, DAY + 16 * MINUTE, TARGET, [])
    assert cost.downtime_minutes == 15
    assert cost.budget_minutes == 216
    assert cost.budget_percent == pytest.approx(100 * 15 / 216)
    assert cost.unknown_minutes == 0


@pytest.mark.parametrize(("gap", "start"), [(3 * MINUTE, DAY), (6 * MINUTE, DAY + 10 * MINUTE + 6 * MINUTE)])
def test_a_failure_that_ended_a_short_time_before_belongs_to_the_incident(gap: int, start: int) -> None:
    ended = DAY + 10 * MINUTE
    runs = [UP, down(DAY, ended), Run(ended, ended + 60 * MINUTE, True)]
    assert failure_start(runs, ended + gap, []) == start


def test_announced_maintenance_costs_nothing_and_unknown_time_is_shown() -> None:
    window = Span(DAY, DAY + 10 * MINUTE)
    cost = cost_of([UP, down(DAY, DAY + 12 * MINUTE)], DAY, DAY + 20 * MINUTE, TARGET, [window])
    assert (cost.maintenance_minutes, cost.downtime_minutes, cost.unknown_minutes) == (10, 2, 8)


def test_a_tenant_that_was_never_up_has_no_cost() -> None:
    assert cost_of([], DAY, DAY + MINUTE, TARGET, []).downtime_minutes == 0

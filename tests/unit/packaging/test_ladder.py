"""The arithmetic of the ladder: what a tenant costs, where the wall is, whether memory grows."""

import random

import pytest

from tests.support.ladder_fit import GROWS, line
from tests.support.ladder_options import RUNGS, Options
from tests.support.ladder_trend import trend

TENANTS = (10, 100, 500, 1000)


def test_a_line_gives_the_cost_of_a_tenant_and_the_wall() -> None:
    fitted = line(TENANTS, [0.1 + 0.0009 * each for each in TENANTS])
    assert fitted is not None
    assert (fitted.base, fitted.each) == pytest.approx((0.1, 0.0009))
    assert fitted.at(500) == pytest.approx(0.55)
    assert fitted.wall(1.0) == pytest.approx(1000)
    assert fitted.bend == pytest.approx(1.0)


def test_what_grows_faster_than_linearly_has_a_bend() -> None:
    fitted = line(TENANTS, [each**1.5 for each in TENANTS])
    assert fitted is not None
    assert fitted.bend is not None
    assert fitted.bend > GROWS


def test_one_rung_gives_no_line_and_two_give_no_bend() -> None:
    assert line([10], [1.0]) is None
    two = line([10, 100], [1.0, 2.0])
    assert two is not None
    assert two.bend is None


def test_what_costs_nothing_has_no_wall() -> None:
    flat = line(TENANTS, [0.0] * 4)
    assert flat is not None
    assert flat.wall(1.0) == float("inf")
    assert flat.bend is None


@pytest.mark.parametrize("an_hour", [0.0, 40.0])
def test_a_trend_finds_growth_and_no_growth_within_its_interval(an_hour: float) -> None:
    noise = random.Random(1)
    hours = [number / 720 for number in range(720)]
    found = trend(hours, [500 + an_hour * each + noise.gauss(0, 3) for each in hours])
    assert found is not None
    assert found.low <= an_hour <= found.high
    assert found.grows == (an_hour > 0)


def test_a_trend_needs_samples() -> None:
    assert trend([0.1] * 10, [1.0] * 10) is None


def test_the_environment_chooses_rungs_and_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Options.read().rungs == RUNGS
    monkeypatch.setenv("RUNGS", "100 10")
    monkeypatch.setenv("KINDS", "small")
    monkeypatch.setenv("MINUTES", "0.5")
    assert Options.read() == Options((10, 100), ("small",), 0.5)


@pytest.mark.parametrize(
    ("variable", "value"), [("RUNGS", "many"), ("KINDS", "huge"), ("MINUTES", "-1"), ("RUNGS", "0")]
)
def test_what_can_t_be_used_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=variable):
        Options.read()

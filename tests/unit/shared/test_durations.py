"""Estimates of durations, held against what then happens in several worlds."""

import random
from collections.abc import Callable
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.durations import CONSIDERED, Estimate, Measured, measured, starting, stopping

World = Callable[[random.Random, int], float]
"""The seconds that an operation with so many pods takes."""


def constant(chance: random.Random, pods: int) -> float:
    """All pods start at once, and the slowest decides."""
    return 20 * chance.lognormvariate(0, 0.3)


def linear(chance: random.Random, pods: int) -> float:
    """One pod after the other."""
    return (10 + 6 * pods) * chance.lognormvariate(0, 0.1)


def with_outliers(chance: random.Random, pods: int) -> float:
    """One of twenty waits for an hour for something else."""
    return 3600 if chance.random() < 0.05 else constant(chance, pods)


def operations(world: World, chance: random.Random, count: int, most: int = 60) -> list[Measured]:
    sizes = [chance.randint(3, most) for _ in range(count)]
    return [Measured(pods, world(chance, pods)) for pods in sizes]


@pytest.mark.parametrize("world", [constant, linear, with_outliers])
def test_half_end_before_the_first_figure_and_nine_of_ten_before_the_second(world: World) -> None:
    chance = random.Random(4)
    below_low, below_high = [], []
    for _ in range(400):
        past = operations(world, chance, CONSIDERED)
        [following] = operations(world, chance, 1)
        estimate = measured(past, following.pods)
        assert estimate is not None
        below_low.append(following.seconds <= estimate.low)
        below_high.append(following.seconds <= estimate.high)
    assert 0.42 < mean(below_low) < 0.58
    assert 0.86 < mean(below_high) < 0.97


def test_where_pods_explain_the_durations_the_estimate_grows_with_them() -> None:
    chance = random.Random(4)
    errors, unscaled = [], []
    for _ in range(100):
        past = operations(linear, chance, CONSIDERED, most=30)
        estimate = measured(past, 120)
        assert estimate is not None
        truth = 10 + 6 * 120
        errors.append(abs(estimate.low - truth) / truth)
        unscaled.append(abs(median(each.seconds for each in past) - truth) / truth)
    assert median(errors) < 0.1
    assert median(unscaled) > 0.7


def test_where_pods_explain_nothing_they_change_nothing() -> None:
    chance = random.Random(4)
    changed = 0
    for _ in range(200):
        past = operations(constant, chance, CONSIDERED)
        small, large = measured(past, 3), measured(past, 200)
        changed += small != large
    assert changed <= 10


def test_a_few_measurements_are_enough_for_an_honest_range() -> None:
    assert measured([], 5) is None
    assert measured([Measured(5, 20)], 500) == Estimate(20, 40, (20,))
    three = measured([Measured(5, 20), Measured(6, 22), Measured(7, 30)], 6)
    assert three is not None
    assert (three.low, three.high) == (22, 40)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1e6)), min_size=1, max_size=CONSIDERED), st.integers(0, 500)
)
def test_an_estimate_is_ordered_and_has_the_documented_form(past: list[tuple[int, float]], pods: int) -> None:
    estimate = measured([Measured(*each) for each in past], pods)
    assert estimate is not None
    assert 0 <= estimate.low <= estimate.high
    first, _, rest = estimate.text.partition("-")
    last, unit = rest.split()
    assert int(first) < int(last)
    assert unit in ("seconds", "minutes", "hours")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (17, 38, "15-40 seconds"),
        (1.2, 4.1, "1-5 seconds"),
        (20, 20, "20-25 seconds"),
        (0, 0, "0-1 seconds"),
        (95, 118, "95-120 seconds"),
        (100, 200, "1-4 minutes"),
        (15 * 60, 20 * 60, "15-20 minutes"),
        (3600, 5 * 3600, "1-5 hours"),
    ],
)
def test_the_text_is_rounded_outwards(low: float, high: float, text: str) -> None:
    assert Estimate(low, high, (low, high)).text == text


def test_the_end_is_later_the_longer_an_operation_takes() -> None:
    estimate = Estimate(20, 40, (10, 20, 30, 40))
    assert [estimate.end(elapsed) for elapsed in (0, 15, 35, 40)] == [25, 30, 40, None]


def test_the_defaults_are_between_all_at_once_and_one_after_the_other() -> None:
    assert starting([60, 60, 180, 240, 300]).text == "5-15 minutes"
    assert starting([]).text == "0-5 minutes"
    assert starting([300, 300], simulated=True).text == stopping(simulated=True).text == "5-60 seconds"
    assert stopping().text == "30-120 seconds"

"""k of n, against the binomial sum and against tables made by hand from it."""

from fractions import Fraction
from itertools import pairwise
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calculator.sizing.availability import replicas_for, share, unavailability


def exact(needed: int, replicas: int, p: Fraction) -> Fraction:
    """At least `needed` of `replicas`: the sum of the binomial distribution."""
    return sum((comb(replicas, i) * p**i * (1 - p) ** (replicas - i) for i in range(needed, replicas + 1)), Fraction(0))


@pytest.mark.parametrize(("needed", "replicas"), [(1, 2), (2, 3), (4, 5), (8, 9), (16, 18), (32, 34)])
def test_the_fewest_replicas_for_99_5_percent_of_replicas_of_99(needed: int, replicas: int) -> None:
    assert replicas_for(needed, 0.005, 0.99) == replicas
    assert exact(needed, replicas, Fraction(99, 100)) >= Fraction(995, 1000)
    assert exact(needed, replicas - 1, Fraction(99, 100)) < Fraction(995, 1000)


@given(
    st.integers(1, 40), st.integers(0, 8), st.fractions(Fraction(1, 2), Fraction(9999, 10000), max_denominator=10**4)
)
def test_it_is_the_binomial_sum(needed: int, spare: int, p: Fraction) -> None:
    found = unavailability(needed, needed + spare, float(p))
    assert found == pytest.approx(float(1 - exact(needed, needed + spare, p)), rel=1e-9, abs=1e-300)


@given(st.integers(1, 200_000), st.floats(1e-7, 0.5), st.floats(0.9, 0.9999))
def test_the_replicas_are_the_fewest(needed: int, allowed: float, p: float) -> None:
    replicas = replicas_for(needed, allowed, p)
    assert unavailability(needed, replicas, p) <= allowed
    assert replicas == needed or unavailability(needed, replicas - 1, p) > allowed


@pytest.mark.parametrize("needed", [1000, 140_000, 148_000, 154_000, 200_000, 1_000_000])
def test_among_many_replicas_without_a_spare_one_always_fails(needed: int) -> None:
    """Four million channels of speech need 154,000 replicas: that only one of them fails is less likely than 1e-323."""
    assert unavailability(needed, needed, 0.995) == pytest.approx(1 - 0.995**needed, rel=1e-9)
    assert replicas_for(needed, 0.001, 0.995) > needed / 0.995


@given(st.integers(1000, 1_000_000), st.integers(0, 20_000), st.floats(0.9, 0.9999))
def test_a_spare_replica_never_makes_them_less_available(needed: int, spare: int, p: float) -> None:
    less, more = unavailability(needed, needed + spare, p), unavailability(needed, needed + spare + 1, p)
    assert 0 <= more <= less * (1 + 1e-6)
    assert less <= 1


def test_nothing_is_always_there_and_what_is_not_there_never_is() -> None:
    assert unavailability(0, 0, 0.5) == 0
    assert unavailability(3, 2, 0.5) == 1


def test_more_needed_and_less_allowed_take_more() -> None:
    for found in (
        [replicas_for(needed, 0.001, 0.995) for needed in range(1, 300)],
        [replicas_for(20, 0.1 / 1.3**step, 0.995) for step in range(50)],
    ):
        assert all(less <= more for less, more in pairwise(found))


@given(st.floats(1e-6, 0.5), st.integers(1, 12))
def test_equal_shares_together_stay_within_what_is_allowed(allowed: float, services: int) -> None:
    assert (1 - share(allowed, services)) ** services >= (1 - allowed) * (1 - 1e-12)

"""Erlang's formulae, against published values and against slow but obvious ways to compute the same."""

from fractions import Fraction
from itertools import pairwise
from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calculator.sizing.erlang import (
    erlang_b,
    erlang_c,
    own_percentile,
    percentile,
    servers_for_response,
    servers_for_waiting,
    slots_for_blocking,
    slower_than,
)


def recursive_b(servers: int, load: float) -> float:
    """The textbook's B(n) = a B(n-1) / (n + a B(n-1))."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def exact_b(servers: int, load: Fraction) -> Fraction:
    blocked = Fraction(1)
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def test_the_example_of_cran_s_erlangc_package() -> None:
    """100 calls in 30 minutes, 180 s each, 14 agents, an answer within 20 s: ErlangC's README (0.1.0)."""
    load, servers, handling = 100 / 1800 * 180, 14, 180.0
    waits = erlang_c(servers, load)
    assert waits == pytest.approx(0.1741319, abs=5e-8)
    assert 1 - waits * exp(-(servers - load) * 20 / handling) == pytest.approx(0.88835, abs=5e-6)
    assert waits * handling / (servers - load) == pytest.approx(7.83593701177724, rel=1e-10)


@pytest.mark.parametrize(("servers", "carried"), [(10, 4.5), (30, 20.3), (50, 37.9), (100, 84.1), (140, 122.0)])
def test_the_erlangs_that_are_carried_at_one_percent_blocking(servers: int, carried: float) -> None:
    """From the customary tables of Erlang B, to a decimal."""
    assert erlang_b(servers, carried - 0.05) < 0.01 < erlang_b(servers, carried + 0.05)
    assert slots_for_blocking(carried - 0.05, 0.01) == servers


@given(st.integers(0, 60), st.fractions(Fraction(1, 1000), 80, max_denominator=1000))
def test_blocking_is_the_exact_fraction(servers: int, load: Fraction) -> None:
    assert erlang_b(servers, float(load)) == pytest.approx(float(exact_b(servers, load)), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("load", [0.001, 0.5, 7.0, 333.3, 10_000.0, 100_000.0])
@pytest.mark.parametrize("deviations", [-50, -6, -5, -4, -1, 0, 1, 4, 10])
def test_it_is_stable_to_a_hundred_thousand_erlangs(load: float, deviations: int) -> None:
    servers = max(0, int(load + deviations * load**0.5))
    assert erlang_b(servers, load) == pytest.approx(recursive_b(servers, load), rel=1e-7, abs=1e-300)


@given(st.integers(1, 3000), st.floats(0.01, 3000))
def test_more_servers_block_fewer_and_more_load_blocks_more(servers: int, load: float) -> None:
    assert 0 <= erlang_b(servers + 1, load) <= erlang_b(servers, load) <= 1
    assert erlang_b(servers, load) <= erlang_b(servers, load * 1.01)
    assert erlang_b(servers, load) <= erlang_c(servers, load) <= 1


def test_nothing_is_blocked_without_load_and_everything_without_servers() -> None:
    assert (erlang_b(3, 0.0), erlang_b(0, 2.0), erlang_b(0, 0.0)) == (0, 1, 1)
    assert erlang_c(2, 2.0) == 1
    assert slower_than(1.0, 2, 2.0, 1.0) == 1
    assert percentile(0.05, 2, 2.0, 1.0) == inf


def test_a_single_server_answers_as_the_textbook_s_formula_for_one() -> None:
    """M/M/1: the time in the system is exponential with rate mu - lambda."""
    for seconds in (0.01, 0.5, 2.0):
        assert slower_than(seconds, 1, 0.8, 0.1) == pytest.approx(exp(-(10 - 8) * seconds))


def test_where_both_rates_are_equal_it_is_the_limit() -> None:
    """At n - a = 1 the general formula is 0 / 0."""
    near = [slower_than(0.3, 3, 2 + step, 0.1) for step in (-1e-6, 0, 1e-6)]
    assert near[0] == pytest.approx(near[1], rel=1e-4)
    assert near[2] == pytest.approx(near[1], rel=1e-4)


@given(st.integers(1, 400), st.floats(0.01, 0.99), st.floats(0.001, 10))
def test_the_percentile_is_where_that_part_is_slower(servers: int, utilisation: float, own: float) -> None:
    load = servers * utilisation
    p95 = percentile(0.05, servers, load, own)
    assert p95 >= own_percentile(0.05, own)
    assert slower_than(p95, servers, load, own) == pytest.approx(0.05, rel=1e-4)


@given(st.floats(0.001, 200_000), st.floats(0.0001, 0.5))
def test_the_slots_are_the_fewest(load: float, blocking: float) -> None:
    slots = slots_for_blocking(load, blocking)
    assert erlang_b(slots, load) <= blocking < erlang_b(slots - 1, load)


@given(st.floats(0.001, 20_000), st.floats(0.001, 1), st.floats(1.01, 50))
def test_the_servers_are_the_fewest(load: float, own: float, factor: float) -> None:
    seconds = own_percentile(0.05, own) * factor
    servers = servers_for_response(load, own, seconds, 0.05)
    assert slower_than(seconds, servers, load, own) <= 0.05
    assert servers == int(load) + 1 or slower_than(seconds, servers - 1, load, own) > 0.05
    waiting = servers_for_waiting(load, 0.05)
    assert erlang_c(waiting, load) <= 0.05 < (erlang_c(waiting - 1, load) if waiting > 1 else 1)


def test_no_number_of_servers_is_faster_than_the_request_itself() -> None:
    with pytest.raises(ValueError, match="service time"):
        servers_for_response(1.0, 0.1, own_percentile(0.05, 0.1), 0.05)


def test_more_load_and_less_patience_need_more() -> None:
    loads = [0.01 * 1.5**step for step in range(45)]
    for needed in (
        [slots_for_blocking(load, 0.01) for load in loads],
        [servers_for_response(load, 0.01, 0.05, 0.05) for load in loads],
        [servers_for_response(500.0, 0.01, 0.2 / 1.04**step, 0.05) for step in range(45)],
    ):
        assert all(less <= more for less, more in pairwise(needed))

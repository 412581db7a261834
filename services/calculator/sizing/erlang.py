"""Erlang's formulae, stable from a thousandth of an erlang to millions.

    B(n, a) = (a^n / n!) / sum over k = 0..n of a^k / k!            A. K. Erlang, 1917: sessions that are turned away
    C(n, a) = n B / (n - a (1 - B))                                 the same: requests that have to wait
    P(R > t) = (1 - C) e^(-mu t) + C (theta e^(-mu t) - mu e^(-theta t)) / (theta - mu),  theta = (n - a) mu
                                                                    M/M/n, first come first served: wait and own time

`a` is the offered load in erlangs (arrivals a second times own time in seconds), `n` the servers, `mu` = 1 / own time.
The customary recursion for B takes n steps, which is too many for a million sessions. So the sum is taken from the
incomplete gamma function, to which it is equal; or, far below the load, where that would be 0, cut off where it
converges.
"""

from collections.abc import Callable
from functools import lru_cache
from math import exp, inf, isqrt, lgamma, log, sqrt

from scipy.special import gammaincc

_NEGLIGIBLE = 1e-17
_FAR = 5.0
"""Standard deviations of a Poisson distribution: beyond, its tail has few digits left."""


def erlang_b(servers: int, load: float) -> float:
    """The part of sessions that find all `servers` busy, when such sessions go away. 1 without servers."""
    if load == 0:
        return 0.0 if servers else 1.0
    if servers < load - _FAR * sqrt(load):
        return 1 / _inverse_b(servers, load)
    log_poisson = servers * log(load) - load - lgamma(servers + 1)
    return float(exp(log_poisson) / gammaincc(servers + 1, load))


def erlang_c(servers: int, load: float) -> float:
    """The part of requests that have to wait, when all of them do. 1 where the servers can't keep up."""
    if servers <= load:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def slower_than(seconds: float, servers: int, load: float, own_seconds: float) -> float:
    """The part of requests that take longer than `seconds`, wait and own time together."""
    return _slower_than(seconds, servers, load, own_seconds, erlang_c(servers, load))


def percentile(slow: float, servers: int, load: float, own_seconds: float) -> float:
    """The seconds that a part `slow` of the requests exceeds: with 0.05, p95. Infinite where servers can't keep up."""
    if servers <= load:
        return inf
    waits = erlang_c(servers, load)
    low = high = own_percentile(slow, own_seconds)
    while _slower_than(high, servers, load, own_seconds, waits) > slow:
        low, high = high, 2 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        too_slow = _slower_than(middle, servers, load, own_seconds, waits) > slow
        low, high = (middle, high) if too_slow else (low, middle)
    return high


def own_percentile(slow: float, own_seconds: float) -> float:
    """The same without any waiting: the least that any number of servers reaches."""
    return own_seconds * log(1 / slow)


@lru_cache(maxsize=4096)
def slots_for_blocking(load: float, blocking: float) -> int:
    """The fewest slots of which sessions find none with a probability of at most `blocking`."""
    carried = load * (1 - blocking)  # by at least as many slots
    return least(int(carried), lambda slots: erlang_b(slots, load) <= blocking, load)


@lru_cache(maxsize=4096)
def servers_for_waiting(load: float, waiting: float) -> int:
    """The fewest servers at which at most a part `waiting` of the requests has to wait."""
    return least(int(load) + 1, lambda servers: erlang_c(servers, load) <= waiting, load)


@lru_cache(maxsize=4096)
def servers_for_response(load: float, own_seconds: float, seconds: float, slow: float) -> int:
    """The fewest servers at which at most a part `slow` of the requests takes longer than `seconds`.

    ValueError where `seconds` is not above `own_percentile`: no number of servers is enough.
    """
    if seconds <= own_percentile(slow, own_seconds):
        raise ValueError(f"{seconds:g} s is less than the service's own time")
    return least(int(load) + 1, lambda servers: slower_than(seconds, servers, load, own_seconds) <= slow, load)


def least(start: int, enough: Callable[[int], bool], load: float) -> int:
    """The smallest number from `start` that is `enough`, of which every larger one is too.

    What is looked for lies within some square roots of the load, which is how far the first steps go.
    """
    if enough(start):
        return start
    low = start
    step = max(1, isqrt(int(load)) // 2)
    high = low + step
    while not enough(high):
        low, step = high, 2 * step
        high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _inverse_b(servers: int, load: float) -> float:
    """1 / B(n, a) = sum over j = 0..n of n! / (n - j)! / a^j: below the load its terms fall from the first on."""
    total = term = 1.0
    for left in range(servers, 0, -1):
        term *= left / load
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return total


def _slower_than(seconds: float, servers: int, load: float, own_seconds: float, waits: float) -> float:
    if servers <= load:
        return 1.0
    rate = 1 / own_seconds
    drain = (servers - load) * rate
    alone = exp(-rate * seconds)
    if abs(drain - rate) < 1e-9 * rate:
        waited = alone * (1 + rate * seconds)
    else:
        waited = (drain * alone - rate * exp(-drain * seconds)) / (drain - rate)
    return (1 - waits) * alone + waits * waited

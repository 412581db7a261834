"""Erlang's formulae, numerically stable from a thousandth of an erlang to millions.

    B(n, a) = (a^n / n!) / sum over k = 0..n of a^k / k!            A. K. Erlang, 1917: probability of blocking
    C(n, a) = n B / (n - a (1 - B))                                 the same: probability of waiting
    P(R > t) = (1 - C) e^(-mu t) + C (theta e^(-mu t) - mu e^(-theta t)) / (theta - mu),  theta = (n - a) mu
                                                                    M/M/n, first come first served: response time

`a` is the offered load in erlangs (arrivals a second times service time in seconds), `n` the number of servers and
`mu` = 1 / service time. The usual recursion for B takes n steps, too many for a million sessions. The sums below have
positive, decreasing terms and end when these are negligible, after some multiples of the square root of the load: with
fewer servers than load the sum for 1 / B itself, backwards from n; with more, the complement of the terms after n.

They are summed here although SciPy has the incomplete gamma function: its import is a third of the calculator's start
and 40 MB. The price: a million sessions take a millisecond for each number of servers that is tried.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from math import exp, inf, isqrt, lgamma, log

_NEGLIGIBLE = 1e-17


def erlang_b(servers: int, load: float) -> float:
    """The probability that a session finds all `servers` busy and is rejected. 1 without servers."""
    if load == 0:
        return 0.0 if servers else 1.0
    if servers <= load:
        return 1 / _inverse_b(servers, load)
    poisson = exp(servers * log(load) - load - lgamma(servers + 1))
    return poisson / (1 - poisson * _beyond(servers, load))


def erlang_c(servers: int, load: float) -> float:
    """The probability that a request has to wait in the queue. 1 if the servers are overloaded."""
    if servers <= load:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def slower_than(seconds: float, servers: int, load: float, own_seconds: float) -> float:
    """The probability that a response (waiting and service time) takes longer than `seconds`."""
    return _slower_than(seconds, servers, load, own_seconds, erlang_c(servers, load))


def percentile(slow: float, servers: int, load: float, own_seconds: float) -> float:
    """The response time that a fraction `slow` of requests exceeds: p95 for 0.05. Infinite if overloaded."""
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
    """That percentile without waiting: the lowest that any number of servers reaches."""
    return own_seconds * log(1 / slow)


@lru_cache(maxsize=4096)
def slots_for_blocking(load: float, blocking: float) -> int:
    """The fewest slots with a blocking probability of at most `blocking`."""
    carried = load * (1 - blocking)  # the carried load needs at least as many slots
    return least(int(carried), lambda slots: erlang_b(slots, load) <= blocking, load)


@lru_cache(maxsize=4096)
def servers_for_waiting(load: float, waiting: float) -> int:
    """The fewest servers with a probability of waiting of at most `waiting`."""
    return least(int(load) + 1, lambda servers: erlang_c(servers, load) <= waiting, load)


@lru_cache(maxsize=4096)
def servers_for_response(load: float, own_seconds: float, seconds: float, slow: float) -> int:
    """The fewest servers at which at most a fraction `slow` of requests takes longer than `seconds`.

    Raises ValueError unless `seconds` is above `own_percentile`: no number of servers would be enough.
    """
    if seconds <= own_percentile(slow, own_seconds):
        raise ValueError(f"{seconds:g} s is less than the service time")
    return least(int(load) + 1, lambda servers: slower_than(seconds, servers, load, own_seconds) <= slow, load)


def least(start: int, enough: Callable[[int], bool], load: float) -> int:
    """The smallest number from `start` on that is `enough`; `enough` must be monotonic.

    A doubling search, then a binary search. The first step is about half the square root of the load, since the
    result usually lies within a few standard deviations of it.
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
    """1 / B(n, a) = sum over j = 0..n of n! / (n - j)! / a^j; its terms decrease while n is below the load."""
    total = term = 1.0
    for left in range(servers, 0, -1):
        term *= left / load
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return total


def _beyond(servers: int, load: float) -> float:
    """The Poisson probabilities of all numbers above n, divided by that of n: sum over j = 1.. of a^j n! / (n + j)!."""
    total, term = 0.0, 1.0
    for more in count(servers + 1):
        term *= load / more
        total += term
        if term < _NEGLIGIBLE * total:
            return total
    raise AssertionError("the terms decrease")


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

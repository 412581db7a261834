"""How many replicas are needed so that at least k of n are available, if they fail independently.

    P(fewer than k of n) = sum over i = n - k + 1 .. n of C(n, i) (1 - p)^i p^(n - i)

This is the complement of the availability, which would lose its significant digits close to 1. From the mean on, the
terms decrease, and a sum ends when they are negligible. Where fewer failures than the mean are too many, the other side
is summed: the first terms of this one may be smaller than any number.
"""

from functools import lru_cache
from math import exp, lgamma, log, log1p

from services.calculator.sizing.erlang import least

_NEGLIGIBLE = 1e-17


def unavailability(needed: int, replicas: int, replica_availability: float) -> float:
    """The fraction of time in which fewer than `needed` of the `replicas` are available."""
    if needed <= 0:
        return 0.0
    if replicas < needed:
        return 1.0
    failing = 1 - replica_availability
    if failing in (0, 1):
        return float(failing)
    too_many = replicas - needed + 1
    if too_many > replicas * failing:
        return min(1.0, _at_least(too_many, replicas, failing))
    return max(0.0, 1 - _at_least(needed, replicas, replica_availability))


def _at_least(first: int, trials: int, chance: float) -> float:
    """The probability of `first` or more hits in `trials` of a `chance` in (0, 1); `first` is above the mean."""
    ways = lgamma(trials + 1) - lgamma(first + 1) - lgamma(trials - first + 1)
    total = term = exp(ways + first * log(chance) + (trials - first) * log1p(-chance))
    odds = chance / (1 - chance)
    for hits in range(first, trials):
        term *= odds * (trials - hits) / (hits + 1)
        total += term
        if term <= _NEGLIGIBLE * total:
            break
    return total


@lru_cache(maxsize=4096)
def replicas_for(needed: int, allowed: float, replica_availability: float) -> int:
    """The fewest replicas whose `unavailability` is at most `allowed`."""
    lost = needed * (1 - replica_availability)
    return least(needed, lambda replicas: unavailability(needed, replicas, replica_availability) <= allowed, lost)


def share(allowed: float, services: int) -> float:
    """The unavailability that each of m `services` in series may have: an equal part of `allowed`.

    Their availabilities multiply, and the product of (1 - allowed / m), m times, is never below 1 - allowed.
    """
    return allowed / services

"""How many replicas are needed so that at least k of n are available, if they fail independently.

    P(fewer than k of n) = sum over i = n - k + 1 .. n of C(n, i) (1 - p)^i p^(n - i)

The fewest that must fail come first, so the terms soon decrease, and the sum ends when they are negligible. This is the
complement, since availabilities close to 1 would lose their significant digits.
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
    return min(1.0, _at_least(replicas - needed + 1, replicas, failing))


def _at_least(first: int, trials: int, failing: float) -> float:
    """The probability that `first` or more of `trials` fail, each with the probability `failing` in (0, 1)."""
    ways = lgamma(trials + 1) - lgamma(first + 1) - lgamma(trials - first + 1)
    total = term = exp(ways + first * log(failing) + (trials - first) * log1p(-failing))
    odds = failing / (1 - failing)
    for failed in range(first, trials):
        ratio = odds * (trials - failed) / (failed + 1)
        term *= ratio
        total += term
        if ratio < 1 and term <= _NEGLIGIBLE * total:
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

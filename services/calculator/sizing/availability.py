"""How many replicas are needed so that at least k of n are available, if they fail independently.

    P(at least k of n) = sum over i = k..n of C(n, i) p^i (1 - p)^(n - i) = I_p(k, n - k + 1)

The right-hand side is the regularised incomplete beta function, exact for any n. The complement is computed, since
availabilities close to 1 would lose their significant digits.
"""

from functools import lru_cache

from scipy.special import betainc

from services.calculator.sizing.erlang import least


def unavailability(needed: int, replicas: int, replica_availability: float) -> float:
    """The fraction of time in which fewer than `needed` of the `replicas` are available."""
    if needed <= 0:
        return 0.0
    if replicas < needed:
        return 1.0
    return float(betainc(replicas - needed + 1, needed, 1 - replica_availability))


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

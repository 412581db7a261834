"""How many replicas must there be so that enough of them are: k of n, with replicas that fail independently.

    P(at least k of n) = sum over i = k..n of C(n, i) p^i (1 - p)^(n - i) = I_p(k, n - k + 1)

The right-hand side is the regularised incomplete beta function, exact for any n. What is computed is the other tail,
the time that too few are there: of numbers next to 1, the digits that count would be lost.
"""

from functools import lru_cache

from scipy.special import betainc

from services.calculator.sizing.erlang import least


def unavailability(needed: int, replicas: int, replica_availability: float) -> float:
    """The part of the time that fewer than `needed` of the `replicas` are there."""
    if needed <= 0:
        return 0.0
    if replicas < needed:
        return 1.0
    return float(betainc(replicas - needed + 1, needed, 1 - replica_availability))


@lru_cache(maxsize=4096)
def replicas_for(needed: int, allowed: float, replica_availability: float) -> int:
    """The fewest replicas of which `needed` are missing for at most a part `allowed` of the time."""
    lost = needed * (1 - replica_availability)
    return least(needed, lambda replicas: unavailability(needed, replicas, replica_availability) <= allowed, lost)


def share(allowed: float, services: int) -> float:
    """What each of so many services may be away, if all of them must be there: equal parts.

    Their availabilities multiply, and the product of (1 - allowed / m), m times, is never below 1 - allowed.
    """
    return allowed / services

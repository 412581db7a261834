"""From requested sessions to the load of every service: a callbot's session also needs speech, language and search.

Concurrent sessions are means of the busy hour, so they are erlangs (Little's law: arrivals a second times duration),
and sessions of L seconds with q requests each cause q / L requests a second. Amounts are exact fractions in the unit of
the service that carries them, so that rounding never changes the number of replicas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from shared.catalog import Ask, Catalog, CatalogService


@dataclass(frozen=True, slots=True)
class Load:
    """The load of one service: sessions, the amount in the service's unit, and an upper bound if there is one."""

    sessions: int
    amount: Fraction
    limit: int | None = None
    """The most concurrent sessions that `concurrent_users` allows; None: no bound."""

    def __hash__(self) -> int:
        """Hash the sessions only: hashing a fraction is slow, and loads of one service mostly differ in sessions."""
        return hash(self.sessions)

    def scaled(self, factor: Fraction) -> "Load":
        return Load(ceil(self.sessions * factor), self.amount * factor, self.limit and ceil(self.limit * factor))


def fan_out(requirements: Mapping[str, int], catalog: Catalog, users: int | None = None) -> dict[str, Load]:
    """The load of every service that `requirements` need, in the catalogue's order.

    Explicit sessions are added to those that other services imply. For a service measured by rate, an explicit session
    is one request a second. `users` bounds the concurrent sessions: each service is then sized for the mix of that many
    sessions that loads it most.
    """
    needs = {name: _needs(name, catalog) for name in requirements}
    reached = [name for name in catalog.services if any(name in each for each in needs.values())]
    return {name: _load(name, requirements, needs, users, catalog) for name in reached}


def channels(requirements: Mapping[str, int], loads: Mapping[str, Load], catalog: Catalog) -> int:
    """The size of a tenant as presets count it: requested sessions, and the speech channels that they imply.

    The documented example 50/100/25/30/30 has 385 channels and is medium; 100/200/50 has 650 and is large.
    """
    return sum(
        requirements.get(name, 0) if catalog.services[name].is_rate else load.sessions for name, load in loads.items()
    )


def _needs(name: str, catalog: Catalog) -> dict[str, Fraction]:
    """The load of one session of a service on every service that it reaches, itself included, in their units."""
    needs = {name: Fraction(1)}
    for caller in catalog.callers_first:
        service = catalog.services[caller]
        for asked, ask in service.asks.items() if caller in needs else ():
            needs[asked] = needs.get(asked, Fraction(0)) + needs[caller] * _amount(ask, service)
    return needs


def _amount(ask: Ask, caller: CatalogService) -> Fraction:
    """The load of one session: channels, or requests a second."""
    if ask.channels is not None:
        return ask.channels
    assert ask.requests is not None and caller.session is not None  # noqa: S101 - by the catalogue's validation
    return ask.requests / caller.session.seconds


def _load(
    name: str,
    requirements: Mapping[str, int],
    needs: Mapping[str, Mapping[str, Fraction]],
    users: int | None,
    catalog: Catalog,
) -> Load:
    is_rate = catalog.services[name].is_rate
    callers = [(each[name], caller) for caller, each in needs.items() if name in each]
    held = [(amount, requirements[caller]) for amount, caller in callers if not catalog.services[caller].is_rate]
    requested = sum(
        (amount * requirements[caller] for amount, caller in callers if catalog.services[caller].is_rate), Fraction(0)
    )
    worst = list(_worst_mix(held, users))
    amount = requested + sum((amount * count for amount, count in worst), Fraction(0))
    reach = requested + sum(count for _, count in worst) if is_rate else amount
    most = None if users is None or is_rate or not held else ceil(users * max(amount for amount, _ in held))
    return Load(ceil(reach), amount, most)


def _worst_mix(held: Iterable[tuple[Fraction, int]], users: int | None) -> Iterable[tuple[Fraction, int]]:
    """The mix of at most `users` sessions that loads a service most: the heaviest sessions first."""
    for amount, count in sorted(held, reverse=True):
        taken = count if users is None else min(count, users)
        users = None if users is None else users - taken
        yield amount, taken

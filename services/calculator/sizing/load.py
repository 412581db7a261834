"""What sessions become: a callbot's channel needs speech, language and search from others, and those are loads too.

Concurrent sessions are the mean of the busy hour, so they are erlangs themselves (Little's law: arrivals a second times
length), and sessions of L seconds with q requests each bring q / L requests a second. Amounts are exact fractions
in the unit of the service that carries them, so a replica more or less never hangs on a rounding.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from shared.catalog import Ask, Catalog, Service


@dataclass(frozen=True, slots=True)
class Load:
    """What reaches one service: the sessions, how much that is in its unit, and the most that can come at once."""

    sessions: int
    amount: Fraction
    most: int | None = None
    """None: no bound. Of a service that holds sessions, `concurrent_users` bounds them."""

    def __hash__(self) -> int:
        """Of the cheap part: a fraction's hash is costly, and loads of one service mostly differ in their sessions."""
        return hash(self.sessions)

    def scaled(self, factor: Fraction) -> "Load":
        return Load(ceil(self.sessions * factor), self.amount * factor, self.most and ceil(self.most * factor))


def fan_out(requirements: Mapping[str, int], catalog: Catalog, users: int | None = None) -> dict[str, Load]:
    """The load of every service that `requirements` need, in the catalogue's order.

    Explicit sessions come on top of those that others imply. Of a service with a rate as its unit, an explicit session
    is one request a second. `users` bounds the sessions that are held at once: each service is then laid out for
    the mix of so many that is worst for it.
    """
    needs = {name: _needs(name, catalog) for name in requirements}
    reached = [name for name in catalog.services if any(name in each for each in needs.values())]
    return {name: _load(name, requirements, needs, users, catalog) for name in reached}


def channels(requirements: Mapping[str, int], loads: Mapping[str, Load], catalog: Catalog) -> int:
    """The size of a tenant as presets count it: sessions asked for, and speech channels that they imply.

    The guides' 50/100/25/30/30 has 385 of them and is medium, their 100/200/50 has 650 and is large.
    """
    return sum(
        requirements.get(name, 0) if catalog.services[name].is_rate else load.sessions for name, load in loads.items()
    )


def _needs(name: str, catalog: Catalog) -> dict[str, Fraction]:
    """What one session of a service puts on every service that it reaches, itself included, in their units."""
    needs = {name: Fraction(1)}
    for caller in catalog.callers_first:
        service = catalog.services[caller]
        for asked, ask in service.asks.items() if caller in needs else ():
            needs[asked] = needs.get(asked, Fraction(0)) + needs[caller] * _amount(ask, service)
    return needs


def _amount(ask: Ask, caller: Service) -> Fraction:
    """Of one session: channels, or requests a second."""
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
    """The sessions, of at most `users` at once, that put the most on a service: those first that need most each."""
    for amount, count in sorted(held, reverse=True):
        taken = count if users is None else min(count, users)
        users = None if users is None else users - taken
        yield amount, taken

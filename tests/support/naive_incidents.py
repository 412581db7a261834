"""Grouping as its documentation describes it, without any of its shortcuts: what the real one is compared with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.monitor.alerts.transition import Transition
from services.monitor.incidents.causes import CausedAlert, cause_of
from services.monitor.incidents.grouping import REOPENS_WITHIN, caused
from services.monitor.incidents.inhibition import explains, inhibits


@dataclass
class Bag:
    """An incident: its number in the order of opening, and its alerts."""

    number: int
    opened_at: datetime
    causes: set[str] = field(default_factory=set)
    ever: dict[str, CausedAlert] = field(default_factory=dict)
    firing: set[str] = field(default_factory=set)
    closed_at: datetime | None = None


class NaiveIncidents:
    """One tenant's incidents."""

    def __init__(self) -> None:
        self._count = 0
        self.bags: list[Bag] = []

    def apply(self, batch: Sequence[Transition]) -> None:
        """Apply a batch in which no alert occurs twice."""
        fires = [each for each in batch if each.state == "firing"]
        for each in sorted(fires, key=lambda each: (-caused(each).extent, each.at, each.fingerprint)):
            self._fire(each)
        for each in batch:
            if each.state == "resolved":
                for bag in self._open():
                    bag.firing.discard(each.fingerprint)
        last = max(each.at for each in batch)
        for bag in self._open():
            if not bag.firing:
                bag.closed_at = max(last, bag.opened_at)

    def partition(self) -> set[frozenset[str]]:
        """Which alerts fire together."""
        return {frozenset(bag.firing) for bag in self._open()}

    def inhibited(self) -> dict[str, set[str]]:
        """For each alert that fires and is inhibited, all that could be the reason."""
        alerts = [alert for bag in self._open() for name, alert in bag.ever.items() if name in bag.firing]
        found = {a.fingerprint: {b.fingerprint for b in alerts if inhibits(b, a)} for a in alerts}
        return {name: sources for name, sources in found.items() if sources}

    def _open(self) -> list[Bag]:
        return [bag for bag in self.bags if bag.closed_at is None]

    def _fire(self, transition: Transition) -> None:
        if any(transition.fingerprint in bag.firing for bag in self._open()):
            return
        alert = caused(transition)
        bag = self._bag_for(alert, transition.at)
        bag.causes.add(cause_of(alert))
        bag.ever[alert.fingerprint] = alert
        bag.firing.add(alert.fingerprint)

    def _bag_for(self, alert: CausedAlert, at: datetime) -> Bag:
        touching = [bag for bag in self._open() if self._touches(bag, alert)]
        if touching:
            first = min(touching, key=lambda bag: (bag.opened_at, bag.number))
            for bag in touching:
                if bag is not first:
                    first.causes |= bag.causes
                    first.ever |= bag.ever
                    first.firing |= bag.firing
                    self.bags.remove(bag)
            return first
        ended = [bag for bag in self.bags if self._continues(bag, cause_of(alert), at)]
        if ended:
            bag = max(ended, key=lambda bag: (bag.closed_at, bag.number))
            bag.closed_at = None
            return bag
        self._count += 1
        bag = Bag(self._count, at)
        self.bags.append(bag)
        return bag

    def _touches(self, bag: Bag, alert: CausedAlert) -> bool:
        others: Iterable[CausedAlert] = (bag.ever[name] for name in bag.firing)
        return cause_of(alert) in bag.causes or any(explains(a, alert) or explains(alert, a) for a in others)

    def _continues(self, bag: Bag, cause: str, at: datetime) -> bool:
        if bag.closed_at is None or cause not in bag.causes:
            return False
        return at - bag.closed_at <= max(REOPENS_WITHIN, timedelta(0))

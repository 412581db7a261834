"""How long each namespace's Deployments have been available: what the simulator knows about a tenant's SLA.

A namespace is up while all its Deployments that should have pods say Available, and is watched from the first time
it was up. Kept in memory: after a restart watching begins anew. The monitor's own record, from samples, is the
lasting one.
"""

from datetime import datetime
from typing import NamedTuple

from services.simulator.clock import Clock
from services.simulator.controllers.context import condition
from services.simulator.controllers.rollout import wanted
from services.simulator.objects import Obj, is_terminating, key_of


class Uptime(NamedTuple):
    """Seconds watched and seconds down, and how often it went down."""

    watched: float
    down: float
    failures: int

    @property
    def percentage(self) -> float:
        """Availability, 0 to 100."""
        return 100.0 if self.watched <= 0 else 100.0 * (1 - self.down / self.watched)


class _Record:
    """One namespace: which Deployments there are and which are down, and the sums so far."""

    def __init__(self) -> None:
        self.members: dict[str, bool] = {}
        self.since: datetime | None = None
        self.down_since: datetime | None = None
        self.down_before = 0.0
        self.failures = 0

    def settle(self, now: datetime) -> None:
        """Takes note of being up or down from now on."""
        up = all(self.members.values())
        if self.since is None:
            self.since = now if up else None
        elif not up and self.down_since is None:
            self.down_since, self.failures = now, self.failures + 1
        elif up and self.down_since is not None:
            self.down_before += (now - self.down_since).total_seconds()
            self.down_since = None


class Availability:
    """Uptimes by namespace; `observe` is called for each change of a Deployment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def observe(self, old: Obj | None, new: Obj | None) -> None:
        """Notes whether a Deployment is available."""
        namespace, name = key_of(new or old or {})
        record = self._records.setdefault(namespace, _Record())
        if new is None or is_terminating(new) or wanted(new) == 0:
            record.members.pop(name, None)
        else:
            found = condition(new, "Available")
            record.members[name] = found is not None and found["status"] == "True"
        if record.members:
            record.settle(self._clock.now())
        else:
            self._records.pop(namespace, None)

    def of(self, namespace: str) -> Uptime | None:
        """The namespace's uptime; None before it was up for the first time."""
        record, now = self._records.get(namespace), self._clock.now()
        if record is None or record.since is None:
            return None
        open_seconds = (now - record.down_since).total_seconds() if record.down_since else 0.0
        return Uptime((now - record.since).total_seconds(), record.down_before + open_seconds, record.failures)

"""Evaluates the rules of this process's share of a mode's tenants, as samples come.

The copies of the monitor divide the tenants (`shared.bus.shares`). Each reads all samples by a consumer of its own and
evaluates those of its share; nothing is read from the database for a sample. Changes are stored before the position is
moved, and storing them twice has no effect: so neither a killed copy nor two that have the same shard for a moment
forget or repeat one. A copy that gets a shard reads the state of its alerts, and the samples since then.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from services.monitor.alerts.alert_changes import transition_of
from services.monitor.alerts.alert_states import AlertStates
from services.monitor.alerts.evaluation import AlertChange, RuleTrack
from services.monitor.alerts.rule_store import RuleStore, RulesVersion
from services.monitor.alerts.sample_feed import StoredEvent
from services.monitor.alerts.share_loader import ShareLoader
from services.monitor.alerts.state_machine import Status
from services.monitor.alerts.tenant_alerts import TenantAlerts, Terms
from services.monitor.alerts.transition import Transition
from services.monitor.clock import Now, utc_now
from services.monitor.outage_log import OutageLog
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import rules_of
from shared.bus.shares import shard_of
from shared.errors import TemporaryError
from shared.events import MetricsCollected, MetricsSampled
from shared.sla import SLICE_SECONDS, slice_of

WARM_UP = timedelta(minutes=5)
"""Samples from before the position that are read again for their values: as long as a value counts."""
FURTHEST_BACK = timedelta(hours=6)
"""Older samples aren't evaluated after an outage."""
_PAUSE = 1.0
_RULES_SECONDS = 1.0
_TERMS_SECONDS = 30.0
_BEHIND = timedelta(seconds=10)
"""While older samples than this are read, silence isn't judged: what is missing may still come."""
_SETTLING = 60.0
"""For so long after a takeover silence isn't judged: the first samples after a pause may still come."""
_PAST = timedelta(minutes=10)
"""Samples that were older than this when they came are history."""
_PERIOD = timedelta(days=31)

Samples = Callable[[datetime], AsyncGenerator[StoredEvent | None, None]]
"""The samples that were stored since a time; None at each second of silence. Raises DependencyUnavailable."""


class AlertShare(Protocol):
    """A share of the tenants, as far as evaluation needs it."""

    @property
    def shards(self) -> frozenset[int]:
        """The shards whose tenants this process evaluates."""


class AppliesTransitions(Protocol):
    """The store of alerts, as far as evaluation needs it."""

    async def apply(self, transitions: Sequence[Transition]) -> Sequence[Transition]:
        """Store transitions with all that follows from them. Raises DependencyUnavailable."""


class ShareChanged(Exception):
    """This process has other shards than before."""


class Evaluator:
    """The evaluator of one mode in this process."""

    def __init__(
        self,
        *,
        share: AlertShare,
        loader: ShareLoader,
        rules: RuleStore,
        states: AlertStates,
        alerts: AppliesTransitions,
        samples: Samples,
        now: Now = utc_now,
    ) -> None:
        self._share = share
        self._loader = loader
        self._rules = rules
        self._states = states
        self._alerts = alerts
        self._samples = samples
        self._now = now
        self._tenants: dict[str, TenantAlerts] = {}
        self._shards: frozenset[int] = frozenset()
        self._version: RulesVersion | None = None
        self._due = {"rules": 0.0, "terms": 0.0, "silence": 0.0, "slice": 0.0}
        self._unknown: dict[str, float] = {}
        self._outage = OutageLog()
        self.poked = asyncio.Event()
        """Set when a rule has changed in this process."""

    @property
    def rule_count(self) -> int:
        """The rules that this process evaluates."""
        return sum(len(each.evaluation.tracks) for each in self._tenants.values())

    async def run(self) -> None:
        """Evaluate until cancelled."""
        while True:
            try:
                await self._follow()
            except ShareChanged:
                continue
            except TemporaryError as error:
                self._outage.begins(f"Alerts aren't evaluated: {error.message}")
            await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        """Take over the present shards and evaluate them. Raises ShareChanged, TemporaryError."""
        self._shards = self._share.shards
        if not self._shards:
            return
        start = await self._take_over()
        self._outage.ends("Alerts are evaluated again.")
        async with aclosing(self._samples(start - WARM_UP)) as samples:
            async for stored in samples:
                if stored is not None:
                    await self._receive(stored, evaluate=stored.stored > start)
                await self._look_around(stored)
                if self._share.shards != self._shards:
                    raise ShareChanged

    async def _take_over(self) -> datetime:
        """Read the state of the shards; the time up to which their samples are evaluated."""
        now = self._now()
        positions = await self._states.positions()
        self._version = await self._rules.version()
        loaded = await self._loader.load(self._includes, now)
        self._tenants = loaded.tenants
        self._due["silence"] = now.timestamp() + _SETTLING
        self._unknown.clear()
        ended = loaded.left_over
        await self._states.set_pending([], [each.row.fingerprint for each in ended if each.row.state == "pending"])
        await self._alerts.apply([each.ended(now) for each in ended if each.row.state == "firing"])
        # Without a position nothing was evaluated yet, and the samples of a new tenant may have come before this.
        start = min(positions.get(shard, now - WARM_UP) for shard in self._shards)
        return max(start, now - FURTHEST_BACK)

    async def _receive(self, stored: StoredEvent, *, evaluate: bool) -> None:
        changes: list[tuple[str, AlertChange]] = []
        for sample in _samples_in(stored):
            if tenant := await self._tenant(sample.tenant_id):
                found = tenant.observe(*sample[1:], evaluate=evaluate)
                changes += [(sample.tenant_id, change) for change in found]
        await self._store(changes)

    async def _tenant(self, tenant_id: str) -> TenantAlerts | None:
        """The tenant, if it is of this share. One that isn't known may be new."""
        if tenant_id in self._tenants or not self._includes(tenant_id):
            return self._tenants.get(tenant_id)
        now = self._now().timestamp()
        if self._unknown.get(tenant_id, 0.0) < now - _TERMS_SECONDS:
            if len(self._unknown) > 1000:
                self._unknown.clear()
            self._unknown[tenant_id] = now
            await self._read_terms()
        return self._tenants.get(tenant_id)

    async def _store(self, changes: Iterable[tuple[str, AlertChange]]) -> None:
        """Store changes: pending alerts, and the transitions of those that fire or are resolved."""
        began, ended, transitions, moved = [], [], [], []
        for tenant_id, each in changes:
            before, after = each.change.before, each.change.after
            transition = transition_of(tenant_id, each, "resolved" if after is Status.INACTIVE else "firing")
            if before is Status.PENDING and after is not Status.FIRING:
                ended.append(transition.fingerprint)
            elif before is Status.PENDING and each.change.began != each.change.before_began:
                moved.append(transition.fingerprint)
            if after is Status.PENDING:
                began.append(transition)
            elif Status.FIRING in (before, after):
                transitions.append(transition)
        await self._states.set_pending(began, ended)
        if transitions:
            await self._alerts.apply(transitions)
        # The row of a pending alert whose beginning a late sample moved, as it fired.
        await self._states.set_pending([], moved)

    async def _look_around(self, stored: StoredEvent | None) -> None:
        """What has to be looked at besides samples: rules, tenants, silence. Also moves the position."""
        now = self._now()
        seconds = now.timestamp()
        if self.poked.is_set() or seconds >= self._due["rules"]:
            self.poked.clear()
            self._due["rules"] = seconds + _RULES_SECONDS
            await self._read_rules()
        if seconds >= self._due["terms"]:
            self._due["terms"] = seconds + _TERMS_SECONDS
            await self._read_terms()
        if (number := slice_of(now)) > self._due["slice"]:
            self._due["slice"] = number
            if seconds >= self._due["silence"] and (stored is None or now - stored.stored < _BEHIND):
                await self._tick(number * SLICE_SECONDS)
            # Also while it is behind, so that what interrupts it doesn't have it begin again.
            await self._states.move(sorted(self._shards), stored.stored if stored else now - _BEHIND / 2)

    async def _tick(self, now: float) -> None:
        await self._store(
            [(tenant_id, change) for tenant_id, each in self._tenants.items() for change in each.tick(float(now))]
        )

    async def _read_rules(self) -> None:
        """Evaluate other rules, if some have changed; alerts of rules that are gone are resolved."""
        version = await self._rules.version()
        if version == self._version:
            return
        own = await self._rules.own_rules()
        for tenant_id, tenant in self._tenants.items():
            await self._set_rules(tenant, own.get(tenant_id, {}))
        self._version = version

    async def _set_rules(self, tenant: TenantAlerts, own: Mapping[str, AlertRule]) -> None:
        enabled = [rule for rule in rules_of(own).values() if rule.enabled]
        for changes in tenant.set_rules(enabled, self._now().timestamp()):
            await self._store([(tenant.tenant_id, each) for each in changes])

    async def _read_terms(self) -> None:
        """Note what has become of the tenants: new ones, other targets, maintenance."""
        found = {tenant_id: terms for _, tenant_id, terms in await self._loader.terms() if self._includes(tenant_id)}
        self._tenants = {tenant_id: each for tenant_id, each in self._tenants.items() if tenant_id in found}
        oldest = slice_of(self._now() - _PERIOD)
        for tenant_id, each in self._tenants.items():
            each.set_terms(found[tenant_id])
            each.forget(oldest)
        new = {tenant_id: terms for tenant_id, terms in found.items() if tenant_id not in self._tenants}
        if new:
            await self._add(new)

    async def _add(self, new: Mapping[str, Terms]) -> None:
        own = await self._rules.own_rules()
        for tenant_id, terms in new.items():
            rules = [rule for rule in rules_of(own.get(tenant_id, {})).values() if rule.enabled]
            self._tenants[tenant_id] = TenantAlerts(tenant_id, terms, (), [RuleTrack(rule) for rule in rules])

    def _includes(self, tenant_id: str) -> bool:
        return shard_of(tenant_id) in self._shards


class _Sample(NamedTuple):
    tenant_id: str
    time: datetime
    source: str
    values: Mapping[str, float]
    services: Mapping[str, bool]


def _samples_in(stored: StoredEvent) -> Iterator[_Sample]:
    """The samples of an event that tell of the present: what is posted of the past is stored, and not evaluated.

    A clock that is ahead must not make the samples of others late.
    """
    event = stored.event
    if isinstance(event, MetricsSampled):
        time = min(event.time, stored.stored)
        for each in event.samples:
            yield _Sample(each.tenant_id, time, event.source, each.values, each.services)
    elif isinstance(event, MetricsCollected):
        for moment in event.moments:
            if stored.stored - moment.time < _PAST:
                time = min(moment.time, stored.stored)
                yield _Sample(event.tenant_id, time, event.source, moment.values, event.services)

"""The evaluator of a share: what it does at a takeover, and which position it stores."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.monitor.alerts.evaluation import RuleTrack
from services.monitor.alerts.evaluator import Evaluator
from services.monitor.alerts.rule_store import RulesVersion
from services.monitor.alerts.sample_feed import StoredEvent
from services.monitor.alerts.share_loader import Share
from services.monitor.alerts.tenant_alerts import TenantAlerts, Terms
from services.monitor.alerts.transition import Transition
from services.monitor.metric_names import AVAILABLE, KUBERNETES
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import STANDARD_RULES
from shared.bus.shares import SHARDS
from shared.events import MetricsSampled, TenantSample
from shared.sla import Run, slice_of

TENANT = "acme"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMS = Terms(is_running=True, since=0.0, target=0.995)


@dataclass
class World:
    """One tenant, that was seen last ten minutes ago, and what the evaluator is told and stores."""

    steps: Sequence[tuple[float, bool]]
    """The seconds from the start at which something comes from the stream: a sample, or silence."""
    lag: float = 0.0
    is_up: bool = True
    evaluated_before: bool = True
    now: datetime = START
    shards: frozenset[int] = frozenset(range(SHARDS))
    told: list[tuple[str, str]] = field(default_factory=list)
    moved: list[datetime] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def samples(self, since: datetime) -> AsyncGenerator[StoredEvent | None, None]:
        for seconds, is_sample in self.steps:
            self.now = START + timedelta(seconds=seconds)
            yield self._sample(self.now - timedelta(seconds=self.lag)) if is_sample else None
        self.done.set()
        await asyncio.Event().wait()

    def _sample(self, time: datetime) -> StoredEvent:
        sample = TenantSample(tenant_id=TENANT, values={AVAILABLE: 1.0}, services={"chatbot": self.is_up})
        return StoredEvent(MetricsSampled(source=KUBERNETES, time=time, samples=(sample,)), time)

    async def load(self, includes: Any, now: datetime) -> Share:
        last = slice_of(START - timedelta(minutes=10))
        tracks = [RuleTrack(each) for each in STANDARD_RULES.values()]
        return Share({TENANT: TenantAlerts(TENANT, TERMS, [Run(last - 100, last, up=True)], tracks)}, [])

    async def terms(self) -> Sequence[tuple[int, str, Terms]]:
        return [(1, TENANT, TERMS)]

    async def version(self) -> RulesVersion:
        return RulesVersion(0, 0, 0)

    async def own_rules(self) -> Mapping[str, Mapping[str, AlertRule]]:
        return {}

    async def positions(self) -> Mapping[int, datetime]:
        shards = range(SHARDS if self.evaluated_before else 0)
        return dict.fromkeys(shards, START - timedelta(minutes=10))

    async def set_pending(self, began: Sequence[Transition], ended: Sequence[str]) -> None:
        """What is pending doesn't matter here."""

    async def move(self, shards: Sequence[int], until: datetime) -> None:
        self.moved.append(until)

    async def apply(self, transitions: Sequence[Transition]) -> Sequence[Transition]:
        self.told += [(each.name, each.state) for each in transitions]
        return transitions

    async def run(self) -> None:
        """Evaluate all steps."""
        every: Any = self
        evaluator = Evaluator(
            share=every,
            loader=every,
            rules=every,
            states=every,
            alerts=every,
            samples=self.samples,
            now=lambda: self.now,
        )
        task = asyncio.ensure_future(evaluator.run())
        try:
            await self.done.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_monitor_that_starts_after_a_pause_waits_for_its_first_samples() -> None:
    world = World([(1, False), (2, False), (20, False), (25, True), (30, True)])
    await world.run()
    assert world.told == []


async def test_a_tenant_without_samples_after_a_start_is_told_of() -> None:
    world = World([(1, False), (59, False), (61, False), (66, False)])
    await world.run()
    assert world.told == [("monitoring-missing", "firing")]


async def test_the_position_moves_also_while_older_samples_are_read() -> None:
    world = World([(1, True), (6, True), (11, True)], lag=300.0)
    await world.run()
    assert world.moved == [START + timedelta(seconds=each - 300) for each in (1, 6, 11)]
    assert world.told == []


async def test_the_first_monitor_evaluates_the_samples_that_came_just_before_it() -> None:
    world = World([(1, True), (66, True)], lag=70.0, is_up=False, evaluated_before=False)
    await world.run()
    assert world.told == [("service-down", "firing")]

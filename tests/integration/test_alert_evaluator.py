"""The evaluator on a real database: a monitor that is killed anywhere neither forgets an alert nor repeats one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.alerts.alert_states import AlertStates
from services.monitor.alerts.alert_store import AlertStore
from services.monitor.alerts.evaluator import Evaluator
from services.monitor.alerts.rule_store import RuleStore
from services.monitor.alerts.sample_feed import StoredEvent
from services.monitor.alerts.share_loader import ShareLoader
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.alerts.rule import AlertRule
from shared.events import MetricsCollected, MetricsSampled, TenantSample
from shared.rpc import AlertRuleRequest
from shared.subjects import Mode
from tests.support.monitor_databases import MonitorDatabase, monitor_database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = AlertRule(alert_name="busy", condition="cpu_usage > 80", duration="20s")
CPU = (10, 90, 10, 90, 91, 92, 93, 94, 95, 20, 10, 90, 20)
"""One every 5 s: too short, then long enough from the fourth on, then too short again."""


@dataclass
class Share:
    """All shards."""

    shards: frozenset[int] = frozenset(range(6))


@dataclass
class Stream:
    """Samples as the stream has them. Its clock is that of the sample that was read last."""

    events: Sequence[StoredEvent]
    now: datetime = NOON - timedelta(seconds=1)
    read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when everything was read and evaluated."""

    async def since(self, start: datetime) -> AsyncGenerator[StoredEvent | None, None]:
        for event in self.events:
            if event.stored >= start:
                self.now = max(self.now, event.stored)
                yield event
        self.read.set()
        await asyncio.Event().wait()


class Stored(MonitorDatabase):
    """With what evaluators read and write."""

    async def tenant(self) -> str:
        """A tenant with a rule, of which nothing was evaluated."""
        tenant_id = await super().tenant()
        async with self.owner.begin() as connection:
            await connection.execute(text("DELETE FROM alert_positions"))
        rules = RuleStore(self.database, allow_private=False)
        await rules.answer(AlertRuleRequest(tenant_id=tenant_id, create=RULE))
        return tenant_id

    async def evaluate(self, stream: Stream) -> None:
        """Run an evaluator until it has evaluated the stream, and kill it."""
        rules, states = RuleStore(self.database, allow_private=False), AlertStates(self.database)
        availability = AvailabilityStore(self.database)
        maintenance = MaintenanceStore(self.database, lambda: stream.now)
        evaluator = Evaluator(
            share=Share(),
            loader=ShareLoader(self.database, rules, states, availability, maintenance),
            rules=rules,
            states=states,
            alerts=AlertStore(self.database, Mode.DEMO, []),
            samples=stream.since,
            now=lambda: stream.now,
        )
        running = asyncio.create_task(evaluator.run())
        waiting = asyncio.create_task(stream.read.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert stream.read.is_set(), running
        running.cancel()
        await asyncio.wait({running})

    async def alerts(self, tenant_id: str) -> list[tuple[str, datetime, datetime | None, datetime | None]]:
        """State, beginning, firing and end of each alert."""
        query = text(
            "SELECT state, began, fired_at, resolved_at FROM alerts JOIN tenants ON tenants.id = alerts.tenant_id"
            " WHERE tenants.tenant_id = :id ORDER BY began"
        )
        async with self.database.begin() as connection:
            return [tuple(row) for row in await connection.execute(query, {"id": tenant_id})]


@pytest.fixture(scope="module")
async def stored(postgres: PostgresServer) -> AsyncIterator[Stored]:
    async with monitor_database(postgres) as found:
        yield Stored(found.database, found.owner)


def samples(tenant_id: str) -> list[StoredEvent]:
    found = []
    for number, cpu in enumerate(CPU):
        time = NOON + timedelta(seconds=5 * number)
        values = {"cpu": float(cpu), "available": 1.0}
        sample = TenantSample(tenant_id=tenant_id, values=values)
        event = MetricsSampled(time=time, source="kubernetes", samples=(sample,))
        found.append(StoredEvent(event, time + timedelta(milliseconds=200)))
    return found


def at(number: int) -> datetime:
    return NOON + timedelta(seconds=5 * number)


@pytest.mark.parametrize("killed", [(), (2,), (5,), (7, 8), (9,), (10, 12), tuple(range(1, len(CPU)))], ids=str)
async def test_a_monitor_that_is_killed_neither_forgets_nor_repeats(stored: Stored, killed: tuple[int, ...]) -> None:
    tenant_id = await stored.tenant()
    events = samples(tenant_id)
    for count in killed:
        await stored.evaluate(Stream(events[:count]))

    await stored.evaluate(Stream(events))

    assert await stored.alerts(tenant_id) == [("resolved", at(3), at(7), at(9))]
    assert await stored.events(tenant_id) == ["demo.alert.raised", "demo.alert.resolved"]


async def test_a_pending_alert_is_stored_with_its_beginning(stored: Stored) -> None:
    tenant_id = await stored.tenant()

    await stored.evaluate(Stream(samples(tenant_id)[:6]))

    assert await stored.alerts(tenant_id) == [("pending", at(3), None, None)]
    assert await stored.events(tenant_id) == []


async def test_a_rule_that_is_removed_resolves_its_alert(stored: Stored) -> None:
    tenant_id = await stored.tenant()
    events = samples(tenant_id)
    await stored.evaluate(Stream(events[:8]))
    rules = RuleStore(stored.database, allow_private=False)
    await rules.answer(AlertRuleRequest(tenant_id=tenant_id, remove=RULE.alert_name))

    await stored.evaluate(Stream(events[:8]))

    [(state, began, _, _)] = await stored.alerts(tenant_id)
    assert (state, began) == ("resolved", at(3))


async def test_posted_metrics_are_evaluated_and_history_is_not(stored: Stored) -> None:
    tenant_id = await stored.tenant()
    rules = RuleStore(stored.database, allow_private=False)
    at_once = RULE.model_copy(update={"duration": "0s"})
    await rules.answer(AlertRuleRequest(tenant_id=tenant_id, replace=at_once))
    old = MetricsCollected(tenant_id=tenant_id, time=at(0) - timedelta(hours=1), values={"cpu": 95.0}, source="rest")
    new = MetricsCollected(tenant_id=tenant_id, time=at(1), values={"cpu_usage": 95.0}, source="rest")

    await stored.evaluate(Stream([StoredEvent(old, at(0))]))
    assert await stored.alerts(tenant_id) == []
    await stored.evaluate(Stream([StoredEvent(old, at(0)), StoredEvent(new, at(1))]))

    assert await stored.alerts(tenant_id) == [("firing", at(1), at(1), None)]

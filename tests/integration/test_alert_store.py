"""Transitions are stored once with all that follows from them, and their events leave in the same transaction."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from embedded.postgres import PostgresServer
from services.monitor.alerts.alert_store import AlertStore, forget, remember_resolved
from services.monitor.alerts.rule_store import RuleStore
from services.monitor.alerts.transition import Transition, alert_id_of, fingerprint_of
from shared.alerts.rule import AlertRule, WebhookAction
from shared.database import Database
from shared.messages import sentence
from shared.rpc import AlertRuleRequest
from shared.subjects import Mode
from tests.support.monitor_databases import MonitorDatabase, monitor_database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Muting:
    """A listener that mutes everything, and keeps what it was told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    async def transitioned(
        self, connection: AsyncConnection, transitions: Sequence[Transition]
    ) -> Sequence[Transition]:
        self.told += [(each.alert_id, each.state) for each in transitions]
        return [replace(each, muted_by="silence-1") for each in transitions]


class Failing:
    """A listener that can't write."""

    async def transitioned(
        self, connection: AsyncConnection, transitions: Sequence[Transition]
    ) -> Sequence[Transition]:
        raise RuntimeError("a fault in a listener")


@pytest.fixture(scope="module")
async def stored(postgres: PostgresServer) -> AsyncIterator[MonitorDatabase]:
    async with monitor_database(postgres) as database:
        yield database


@pytest.fixture
def database(stored: MonitorDatabase) -> Database:
    return stored.database


@pytest.fixture
async def tenant(stored: MonitorDatabase) -> str:
    return await stored.tenant()


def transition(tenant_id: str, state: Any = "firing", *, began: datetime = NOW, **changes: Any) -> Transition:
    fingerprint = fingerprint_of(tenant_id, "high_cpu_usage", {"team": "voice"})
    fields: dict[str, Any] = {
        "alert_id": alert_id_of(fingerprint, began),
        "fingerprint": fingerprint,
        "tenant_id": tenant_id,
        "name": "high_cpu_usage",
        "severity": "warning",
        "state": state,
        "at": began + timedelta(minutes=5),
        "value": 85.2,
        "condition": "cpu_usage > 80",
        "summary": sentence("test-text", "CPU use is {value} %", value="85.2"),
        "labels": {"team": "voice"},
        "actions": (WebhookAction(type="webhook", url="https://hooks.example/alerts"),),
        "metric": "cpu",
        "threshold": 80.0,
        "began": began,
    }
    return Transition(**(fields | changes))


async def rows(database: Database, statement: str, **values: Any) -> list[dict[str, Any]]:
    async with database.begin() as connection:
        return [dict(row._mapping) for row in await connection.execute(text(statement), values)]


async def test_a_firing_is_stored_with_its_marks_and_its_event(
    stored: MonitorDatabase, database: Database, tenant: str
) -> None:
    muting = Muting()
    [told] = await AlertStore(database, Mode.DEMO, [muting]).apply([transition(tenant)])
    assert told.muted_by == "silence-1"
    [row] = await rows(database, "SELECT * FROM alerts WHERE alert_id = :id", id=told.alert_id)
    assert (row["state"], row["began"], row["fired_at"]) == ("firing", NOW, NOW + timedelta(minutes=5))
    assert (row["muted_by"], row["value"], row["threshold"], row["source"]) == ("silence-1", 85.2, 80.0, "rule")
    assert (row["labels"], row["summary"]) == ({"team": "voice"}, "CPU use is 85.2 %")
    assert row["summary_message"] == {"id": "test-text", "params": {"value": "85.2"}}
    assert row["actions"][0]["url"] == "https://hooks.example/alerts"
    assert await stored.events(tenant) == ["demo.alert.raised"]


async def test_what_is_no_news_reaches_no_listener(stored: MonitorDatabase, database: Database, tenant: str) -> None:
    muting = Muting()
    store = AlertStore(database, Mode.DEMO, [muting])
    firing, resolved = transition(tenant), transition(tenant, "resolved", at=NOW + timedelta(minutes=9))
    await asyncio.gather(*(store.apply([firing]) for _ in range(4)))
    await store.apply([resolved, firing])
    assert await store.apply([resolved, firing]) == []
    assert muting.told == [(firing.alert_id, "firing"), (firing.alert_id, "resolved")]
    assert await stored.events(tenant) == ["demo.alert.raised", "demo.alert.resolved"]
    [row] = await rows(database, "SELECT state, resolved_at FROM alerts WHERE alert_id = :id", id=firing.alert_id)
    assert row == {"state": "resolved", "resolved_at": NOW + timedelta(minutes=9)}


async def test_a_pending_alert_fires_and_one_of_no_tenant_is_left_out(database: Database, tenant: str) -> None:
    store, firing = AlertStore(database, Mode.DEMO, []), transition(tenant)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO alerts (alert_id, tenant_id, name, fingerprint, severity, type, state, condition, summary,"
                " began) SELECT :alert_id, id, 'high_cpu_usage', 'f', 'warning', 'custom', 'pending', '', '', :began"
                " FROM tenants WHERE tenant_id = :tenant"
            ),
            {"alert_id": firing.alert_id, "began": NOW, "tenant": tenant},
        )
    found = await store.apply([transition("there-is-none"), firing])
    assert [each.alert_id for each in found] == [firing.alert_id]


async def test_a_listener_that_fails_leaves_nothing_behind(
    stored: MonitorDatabase, database: Database, tenant: str
) -> None:
    with pytest.raises(RuntimeError):
        await AlertStore(database, Mode.DEMO, [Muting(), Failing()]).apply([transition(tenant)])
    assert await rows(database, "SELECT * FROM alerts WHERE fingerprint = :f", f=transition(tenant).fingerprint) == []
    assert await stored.events(tenant) == []


async def test_an_alert_that_fires_on_is_passed_again_without_a_new_state(
    stored: MonitorDatabase, database: Database, tenant: str
) -> None:
    muting = Muting()
    store, firing = AlertStore(database, Mode.DEMO, [muting]), transition(tenant)
    await AlertStore(database, Mode.DEMO, []).apply([firing])
    async with database.begin() as connection:
        await store.pass_on(connection, [firing])
    [row] = await rows(database, "SELECT state, muted_by FROM alerts WHERE alert_id = :id", id=firing.alert_id)
    assert row == {"state": "firing", "muted_by": "silence-1"}
    assert await stored.events(tenant) == ["demo.alert.raised", "demo.alert.raised"]


async def test_a_firing_that_arrives_after_its_resolution_is_known_to_be_over(database: Database, tenant: str) -> None:
    muting = Muting()
    store = AlertStore(database, Mode.DEMO, [muting])
    async with database.begin() as connection:
        await remember_resolved(connection, [transition(tenant, "resolved")])
    assert await store.apply([transition(tenant)]) == []
    assert muting.told == []


async def test_resolved_alerts_are_removed_after_the_retention_and_others_stay(database: Database, tenant: str) -> None:
    store = AlertStore(database, Mode.DEMO, [])
    old, recent, firing = (transition(tenant, began=NOW + timedelta(days=days)) for days in range(3))
    await store.apply([old, recent, firing])
    await store.apply([replace(each, state="resolved") for each in (old, recent)])
    async with database.begin() as connection:
        await forget(connection, NOW + timedelta(days=1))
    left = await rows(database, "SELECT alert_id FROM alerts WHERE fingerprint = :f", f=old.fingerprint)
    assert {each["alert_id"] for each in left} == {recent.alert_id, firing.alert_id}


async def test_a_rule_whose_transaction_began_earlier_and_ended_later_is_noticed(stored: MonitorDatabase) -> None:
    rules = RuleStore(stored.database, allow_private=True)
    tenants = [await stored.tenant() for _ in range(2)]
    high = AlertRule(alert_name="high", condition="cpu > 80")
    for tenant_id in tenants:
        await rules.answer(AlertRuleRequest(tenant_id=tenant_id, create=high))
    change = text("UPDATE alert_rules SET updated_at = CURRENT_TIMESTAMP WHERE tenant_id = :row_id")
    row_ids = [await rules.check(each, (high,)) for each in tenants]
    async with stored.database.begin() as connection:
        await connection.execute(text("SELECT CURRENT_TIMESTAMP"))
        async with stored.database.begin() as other:
            await other.execute(change, {"row_id": row_ids[0]})
        before = await rules.version()
        await connection.execute(change, {"row_id": row_ids[1]})
    assert await rules.version() != before

"""Incidents, silences and recurring maintenance on a real PostgreSQL, in the transactions of the transitions."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.alerts.marks import firing
from services.monitor.alerts.transition import Transition
from services.monitor.incidents import incident_store
from services.monitor.incidents.commands import IncidentCommands
from services.monitor.incidents.cost import IncidentCosts
from services.monitor.incidents.model import ECP
from services.monitor.incidents.timeline import add_entry
from services.monitor.silences.commands import SilenceCommands
from services.monitor.silences.ending import SilenceEndings
from services.monitor.silences.recurring_maintenance import ANNOUNCED_AHEAD, RecurringMaintenanceStore
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.database import Database, Databases, DatabaseSettings
from shared.errors import Refused
from shared.events.alerts import IncidentChanged, IncidentClosed, IncidentOpened
from shared.messages import sentence
from shared.rpc.incidents import IncidentCostRequest, IncidentRequest
from shared.rpc.silences import (
    NewRecurringMaintenance,
    NewSilence,
    RecurringMaintenanceRequest,
    Silence,
    SilencesRequest,
)
from shared.subjects import Mode
from tests.support.alert_rows import AlertPath, alert
from tests.support.migrated_databases import migrated_database
from tests.support.naive_incidents import NaiveIncidents

START = datetime(2031, 3, 7, 12, tzinfo=UTC)
"""A Friday."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Clock:
    """The time of a test, which moves when told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await migrated_database(postgres, f"incidents_{uuid4().hex}")
    databases = Databases(DatabaseSettings(database_url=url, demo_database_url=url), "test")
    yield databases[Mode.PRODUCTION]
    await databases.dispose()


class Stage:
    """One tenant of its own, with a clock and everything that handles its alerts."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self.database, self.tenant_id, self.clock = database, tenant_id, Clock()
        self.path = AlertPath(database, self.clock)
        self.endings = SilenceEndings(database, firing, self.path.pass_on, self.clock)
        self.silences = SilenceCommands(database, self.endings.refresh, self.clock)
        self.commands = IncidentCommands(database, self.path.add_events, self.clock)
        self.recurring = RecurringMaintenanceStore(database, self.clock)

    def alert(self, name: str = "cpu", state: Any = "firing", **fields: Any) -> Transition:
        return alert(self.tenant_id, name, state, **({"at": self.clock.time} | fields))

    async def act(self, act: str, incident_id: str | None, request_id: str = "", **fields: Any) -> tuple[str, bool]:
        given = {"act": act, "incident_id": incident_id, "author": "kim@example.com"} | fields
        request = IncidentRequest.model_validate(given | {"request_id": request_id or uuid4().hex})
        reply = await self.commands.answer(request)
        return reply.incident_id, reply.changed

    async def silence(self, request_id: str = "", **fields: Any) -> Silence:
        given = {"matchers": [{"label": "alertname", "value": "cpu"}], "reason": "known"} | fields
        request = SilencesRequest(
            tenant_id=self.tenant_id,
            request_id=request_id or uuid4().hex,
            author="kim@example.com",
            create=NewSilence.model_validate(given),
        )
        reply = await self.silences.answer(request)
        assert reply.changed is not None
        return reply.changed

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.begin() as connection:
            return list(await connection.execute(text(query), values | {"tenant_id": self.tenant_id}))

    async def incidents(self) -> list[Any]:
        return await self.rows(
            "SELECT incidents.* FROM incidents JOIN tenants ON tenants.id = incidents.tenant_id"
            " WHERE tenants.tenant_id = :tenant_id ORDER BY opened_at, incident_id"
        )

    async def timeline(self, incident_id: str) -> list[str]:
        rows = await self.rows(
            "SELECT kind FROM incident_entries WHERE incident_id = :incident_id ORDER BY at, id",
            incident_id=incident_id,
        )
        return [row.kind for row in rows]


@pytest.fixture
async def stage(database: Database) -> Stage:
    tenant_id = f"t-{uuid4().hex[:12]}"
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target, created_at)"
                " VALUES (:tenant_id, 'Acme', 'small', '{}', '{}',"
                ' \'{"availability": "99.5%", "time_zone": "Asia/Seoul"}\', \'2031-01-01\')'
            ),
            {"tenant_id": tenant_id},
        )
    return Stage(database, tenant_id)


async def test_an_incident_is_opened_extended_and_closed_with_its_alerts(stage: Stage) -> None:
    first, second = stage.alert("slow", service="callbot"), stage.alert("errors", service="callbot")
    [told] = await stage.path.apply(first)
    await stage.path.apply(second)
    [incident] = await stage.incidents()
    assert told.incident_id == incident.incident_id
    assert (await stage.path.marks(second))[2] == incident.incident_id
    stage.clock.time += MINUTE
    await stage.path.apply(stage.alert("slow", "resolved", service="callbot"))
    assert (await stage.incidents())[0].status == "open"
    await stage.path.apply(stage.alert("errors", "resolved", service="callbot"))
    assert (await stage.incidents())[0].closed_at == stage.clock.time
    assert await stage.timeline(incident.incident_id) == ["opened", "fired", "fired", "resolved", "resolved", "closed"]
    assert [type(each) for each in stage.path.events] == [IncidentOpened, IncidentClosed]


async def test_a_transition_that_comes_again_writes_nothing(stage: Stage) -> None:
    await stage.path.apply(stage.alert())
    [incident] = await stage.incidents()
    await stage.path.apply(stage.alert())
    assert await stage.timeline(incident.incident_id) == ["opened", "fired"]
    assert len(stage.path.events) == 1


async def test_what_a_node_explains_is_told_again_when_the_node_is_up_and_it_still_fires(stage: Stage) -> None:
    pod, other = stage.alert("pod", node="n1", pod="p1"), stage.alert("pod", node="n1", pod="p2")
    await stage.path.apply(pod, other)
    node = stage.alert("NodeDown", severity="critical", node="n1")
    told = await stage.path.apply(node)
    assert {each.inhibited_by for each in told if each.name == "pod"} == {node.fingerprint}
    assert len({each.incident_id for each in told}) == 1
    assert [each.status for each in await stage.incidents()].count("open") == 1
    stage.clock.time += MINUTE
    await stage.path.apply(stage.alert("pod", "resolved", node="n1", pod="p2"))
    told = await stage.path.apply(stage.alert("NodeDown", "resolved", node="n1"))
    freed = [each for each in told if each.state == "firing"]
    assert [(each.fingerprint, each.inhibited_by, each.summary) for each in freed] == [
        (pod.fingerprint, None, freed[0].summary)
    ]
    assert freed[0].condition == pod.condition
    assert (await stage.path.marks(pod))[1] is None


async def test_two_transactions_at_once_open_one_incident(stage: Stage) -> None:
    alerts = [stage.alert(f"a{number}", service="callbot") for number in range(8)]
    await asyncio.gather(*(AlertPath(stage.database, stage.clock).apply(each) for each in alerts))
    [incident] = await stage.incidents()
    rows = await stage.rows(
        "SELECT count(*) FROM incident_alerts WHERE incident_id = :incident_id", incident_id=incident.incident_id
    )
    assert rows[0][0] == len(alerts)


async def test_random_transitions_are_stored_as_the_naive_model_groups_them(stage: Stage) -> None:
    random, naive = Random(16), NaiveIncidents()
    subjects = [
        ("NodeDown", "critical", {"node": "n1"}),
        ("service_down", "critical", {"service": "callbot"}),
        ("ECPTenantDown", "critical", {}),
        *(("cpu", "warning", {"service": name, "node": node}) for name in ("callbot", "stt") for node in ("n1", "n2")),
        ("disk", "info", {}),
    ]
    for _ in range(60):
        stage.clock.time += timedelta(seconds=random.randint(1, 400))
        chosen = random.sample(subjects, random.randint(1, 3))
        batch = [
            stage.alert(name, random.choice(["firing", "resolved"]), severity=severity, **labels)
            for name, severity, labels in chosen
        ]
        await stage.path.apply(*batch)
        naive.apply(batch)
        rows = await stage.rows(
            "SELECT array_agg(fingerprint) AS names FROM incident_alerts"
            " JOIN incidents USING (incident_id) JOIN tenants ON tenants.id = incidents.tenant_id"
            " WHERE tenants.tenant_id = :tenant_id AND resolved_at IS NULL AND status <> 'closed' GROUP BY incident_id"
        )
        assert {frozenset(row.names) for row in rows} == naive.partition()


async def test_what_people_do_is_in_the_timeline_once_for_each_request(stage: Stage) -> None:
    await stage.path.apply(stage.alert())
    [incident] = await stage.incidents()
    name = incident.incident_id
    assert await stage.act("acknowledge", name, "r-1") == (name, True)
    assert await stage.act("acknowledge", name, "r-1") == (name, False)
    assert await stage.act("acknowledge", name) == (name, False)
    assert await stage.act("comment", name, "r-2", comment="the disk was full") == (name, True)
    assert await stage.act("comment", name, "r-2", comment="the disk was full") == (name, False)
    assert await stage.act("assign", name, assignee="lee@example.com") == (name, True)
    assert await stage.act("severity", name, severity="critical", comment="customers call") == (name, True)
    [changed] = await stage.incidents()
    assert (changed.status, changed.acknowledged_by, changed.assignee, changed.severity, changed.severity_by) == (
        "acknowledged",
        "kim@example.com",
        "lee@example.com",
        "critical",
        "kim@example.com",
    )
    kinds = await stage.timeline(name)
    assert kinds == ["opened", "fired", "acknowledged", "comment", "assigned", "severity"]
    changes = [each.change for each in stage.path.events if isinstance(each, IncidentChanged)]
    assert changes == ["acknowledged", "commented", "assigned", "severity"]
    assert await stage.act("unacknowledge", name) == (name, True)


async def test_an_incident_whose_alerts_fire_can_t_be_closed_and_a_closed_one_not_acknowledged(stage: Stage) -> None:
    await stage.path.apply(stage.alert())
    [incident] = await stage.incidents()
    with pytest.raises(Refused, match="still fire"):
        await stage.act("close", incident.incident_id)
    await stage.path.apply(stage.alert(state="resolved"))
    with pytest.raises(Refused, match="closed"):
        await stage.act("acknowledge", incident.incident_id)
    with pytest.raises(Refused, match="no incident"):
        await stage.act("comment", "incident-none", comment="x")


async def test_an_incident_can_be_opened_and_closed_by_hand(stage: Stage) -> None:
    fields = {"tenant_id": stage.tenant_id, "title": "No voice", "severity": "critical"}
    opened, _ = await stage.act("open", None, "r-3", **fields)
    assert await stage.act("open", None, "r-3", **fields) == (opened, False)
    await stage.path.apply(stage.alert(), stage.alert(state="resolved", at=stage.clock.time + MINUTE))
    assert await stage.act("close", opened) == (opened, True)
    found = {row.incident_id: row for row in await stage.incidents()}
    assert (found[opened].opened_by, found[opened].closed_by) == ("kim@example.com", "kim@example.com")
    assert len(found) == 2


async def test_the_recovery_adds_to_the_timeline_once(stage: Stage) -> None:
    await stage.path.apply(stage.alert())
    [incident] = await stage.incidents()
    for _ in range(2):
        async with stage.database.begin() as connection:
            what = sentence("test", "restarted callbot")
            await add_entry(
                connection,
                incident.incident_id,
                kind="recovery",
                what=what,
                at=START,
                key=f"recovery-{stage.tenant_id}",
            )
    [row] = await stage.rows(
        "SELECT author, text FROM incident_entries WHERE kind = 'recovery' AND incident_id = :incident_id",
        incident_id=incident.incident_id,
    )
    assert (row.author, row.text) == (ECP, "restarted callbot")


async def test_an_incident_costs_its_downtime_in_minutes_and_in_budget(stage: Stage) -> None:
    down = START - 5 * MINUTE
    for began, ended, up in ((START - 24 * HOUR, down, True), (down, START + 10 * MINUTE, False)):
        await stage_runs(stage, began, ended, up=up)
    await stage.path.apply(stage.alert("ECPTenantDown", severity="critical"))
    stage.clock.time += 10 * MINUTE
    await stage.path.apply(stage.alert("ECPTenantDown", "resolved"))
    [incident] = await stage.incidents()
    maintenance = MaintenanceStore(stage.database, stage.clock)
    costs = IncidentCosts(stage.database, AvailabilityStore(stage.database), maintenance, stage.clock)
    cost = await costs.answer(IncidentCostRequest(incident_id=incident.incident_id))
    assert (cost.since, cost.downtime_minutes, cost.budget_minutes) == (down, 15, 216)
    assert cost.budget_percent == pytest.approx(6.944, abs=0.001)
    with pytest.raises(Refused, match="no incident"):
        await costs.answer(IncidentCostRequest(incident_id="incident-none"))


async def stage_runs(stage: Stage, began: datetime, ended: datetime, *, up: bool) -> None:
    async with stage.database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO availability_runs (tenant_id, service, began, ended, up)"
                " SELECT id, '', :began, :ended, :up FROM tenants WHERE tenant_id = :tenant_id"
            ),
            {"began": began, "ended": ended, "up": up, "tenant_id": stage.tenant_id},
        )


async def test_old_incidents_are_forgotten(stage: Stage) -> None:
    await stage.path.apply(stage.alert("old"))
    await stage.path.apply(stage.alert("old", "resolved"), stage.alert("new"))
    async with stage.database.begin() as connection:
        await incident_store.forget(connection, START + MINUTE)
    assert [row.status for row in await stage.incidents()] == ["open"]


async def test_a_silence_mutes_what_fires_and_passes_it_on_when_it_ends(stage: Stage) -> None:
    cpu, disk = stage.alert("cpu"), stage.alert("disk")
    await stage.path.apply(cpu)
    silence = await stage.silence(end=START + HOUR)
    assert (silence.status, silence.muted, silence.author) == ("active", 1, "kim@example.com")
    assert (await stage.path.marks(cpu))[0] == silence.silence_id
    [told] = await stage.path.apply(disk)
    assert told.muted_by is None
    [late] = await stage.path.apply(stage.alert("cpu", service="callbot"))
    assert late.muted_by == silence.silence_id
    stage.path.told.clear()
    await stage.endings.run_once()
    assert stage.path.told == []
    stage.clock.time += HOUR
    await stage.endings.run_once()
    passed = [each for each in stage.path.told if each.tenant_id == stage.tenant_id]
    assert {each.fingerprint for each in passed} == {cpu.fingerprint, late.fingerprint}
    assert {each.muted_by for each in passed} == {None}
    stage.path.told.clear()
    await stage.endings.run_once()
    assert [each for each in stage.path.told if each.tenant_id == stage.tenant_id] == []


async def test_a_silence_that_is_ended_early_passes_on_at_once(stage: Stage) -> None:
    await stage.path.apply(stage.alert("cpu"))
    silence = await stage.silence(end=START + HOUR)
    stage.path.told.clear()
    request = SilencesRequest(tenant_id=stage.tenant_id, author="lee@example.com", end=silence.silence_id)
    ended = (await stage.silences.answer(request)).changed
    assert ended is not None
    assert (ended.status, ended.ended_by, ended.end) == ("ended", "lee@example.com", START)
    assert [each.muted_by for each in stage.path.told] == [None]
    again = (await stage.silences.answer(request)).changed
    assert again == ended
    with pytest.raises(Refused, match="no silence"):
        await stage.silences.answer(request.model_copy(update={"end": "silence-none"}))


async def test_a_repeated_request_creates_one_silence(stage: Stage) -> None:
    first = await stage.silence("s-1" + stage.tenant_id, end=START + HOUR)
    again = await stage.silence("s-1" + stage.tenant_id, end=START + HOUR)
    assert first == again
    reply = await stage.silences.answer(SilencesRequest(tenant_id=stage.tenant_id))
    assert len(reply.silences) == 1


async def test_one_that_repeats_mutes_at_its_times_in_the_tenants_zone(stage: Stage) -> None:
    weekends = {"days": ["sat", "sun"], "start": "00:00", "duration": "24h", "holidays": "include"}
    silence = await stage.silence(recurrence=weekends)
    # Saturday begins at 15:00 UTC in Seoul.
    assert (silence.status, silence.next[0].start) == ("waiting", datetime(2031, 3, 7, 15, tzinfo=UTC))
    [before] = await stage.path.apply(stage.alert("cpu"))
    assert before.muted_by is None
    stage.clock.time = datetime(2031, 3, 7, 15, tzinfo=UTC)
    await stage.endings.run_once()
    assert (await stage.path.marks(before))[0] == silence.silence_id
    stage.clock.time = datetime(2031, 3, 9, 15, tzinfo=UTC)
    await stage.endings.run_once()
    assert (await stage.path.marks(before))[0] is None


async def test_a_preview_counts_the_stored_alerts(stage: Stage) -> None:
    for number in range(4):
        stage.clock.time = START + number * HOUR
        await stage.path.apply(stage.alert("cpu"), stage.alert("disk", service=f"s{number}"))
        await stage.path.apply(stage.alert("cpu", "resolved", at=stage.clock.time + MINUTE))
    new = NewSilence.model_validate(
        {"matchers": [{"label": "alertname", "value": "cpu"}], "reason": "known", "end": START + 99 * HOUR}
    )
    reply = await stage.silences.answer(SilencesRequest(tenant_id=stage.tenant_id, preview=new))
    assert reply.preview is not None
    assert (reply.preview.firings, reply.preview.muted, reply.preview.firing_now) == (8, 4, 0)
    assert reply.silences == ()


async def test_maintenance_mutes_by_itself(stage: Stage) -> None:
    await stage.path.apply(stage.alert("cpu"))
    await stage.rows(
        "INSERT INTO maintenance_windows (tenant_id, began, ended, reason)"
        " SELECT id, :began, :ended, 'upgrade' FROM tenants WHERE tenant_id = :tenant_id RETURNING id",
        began=START + MINUTE,
        ended=START + HOUR,
    )
    stage.clock.time += MINUTE
    await stage.endings.run_once()
    muted = (await stage.path.marks(stage.alert("cpu")))[0]
    assert muted is not None
    assert muted.startswith("maintenance-")
    [told] = await stage.path.apply(stage.alert("disk"))
    assert told.muted_by == muted
    stage.clock.time += HOUR
    await stage.endings.run_once()
    assert (await stage.path.marks(stage.alert("cpu")))[0] is None


async def test_recurring_maintenance_is_announced_for_five_weeks_and_each_window_once(stage: Stage) -> None:
    new = NewRecurringMaintenance.model_validate(
        {"recurrence": {"days": ["sun"], "start": "02:00", "duration": "4h"}, "reason": "Upgrade"}
    )
    request = RecurringMaintenanceRequest(
        tenant_id=stage.tenant_id, request_id=f"m-{stage.tenant_id}", author="kim@example.com", create=new
    )
    made = (await stage.recurring.answer(request)).changed
    assert made is not None
    assert (await stage.recurring.answer(request)).changed == made
    # Sunday 02:00 in Seoul is Saturday 17:00 in UTC.
    assert [each.start for each in made.next] == [datetime(2031, 3, 8 + 7 * week, 17, tzinfo=UTC) for week in range(3)]
    await announce(stage)
    windows = "SELECT began FROM maintenance_windows WHERE recurring_id = :made ORDER BY began"
    assert len(await stage.rows(windows, made=made.recurring_id)) == ANNOUNCED_AHEAD.days // 7
    await stage.rows("DELETE FROM maintenance_windows WHERE began = :began RETURNING id", began=made.next[1].start)
    stage.clock.time += timedelta(days=7)
    await announce(stage)
    begins = [row.began for row in await stage.rows(windows, made=made.recurring_id)]
    assert begins == [datetime(2031, 3, 8, 17, tzinfo=UTC) + timedelta(weeks=week) for week in (0, 2, 3, 4, 5)]
    cancel = RecurringMaintenanceRequest(tenant_id=stage.tenant_id, author="kim", cancel=made.recurring_id)
    assert (await stage.recurring.answer(cancel)).recurring == ()
    left = [row.began for row in await stage.rows(windows, made=made.recurring_id)]
    assert left == begins[:1]
    with pytest.raises(Refused, match="no recurring maintenance"):
        await stage.recurring.answer(cancel)


async def announce(stage: Stage) -> None:
    """Announce what is due. The other tests' clocks don't matter: theirs is cancelled."""
    await stage.recurring.announce()

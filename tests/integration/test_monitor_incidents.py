"""Incidents on a real PostgreSQL, in the transactions of the transitions."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.incidents import incident_store
from services.monitor.incidents.cost import IncidentCosts
from services.monitor.incidents.model import ECP
from services.monitor.incidents.timeline import add_entry
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.database import Database
from shared.errors import Refused
from shared.events.alerts import IncidentChanged, IncidentClosed, IncidentOpened
from shared.messages import sentence
from shared.rpc.incidents import IncidentCostRequest
from tests.support.alert_rows import AlertPath
from tests.support.incident_stage import HOUR, MINUTE, START, IncidentStage, new_stage
from tests.support.migrated_databases import owners_database
from tests.support.naive_incidents import NaiveIncidents


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with owners_database(postgres) as database:
        yield database


@pytest.fixture
async def stage(database: Database) -> IncidentStage:
    return await new_stage(database)


async def test_an_incident_is_opened_extended_and_closed_with_its_alerts(stage: IncidentStage) -> None:
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


async def test_a_transition_that_comes_again_writes_nothing(stage: IncidentStage) -> None:
    await stage.path.apply(stage.alert())
    [incident] = await stage.incidents()
    await stage.path.apply(stage.alert())
    assert await stage.timeline(incident.incident_id) == ["opened", "fired"]
    assert len(stage.path.events) == 1


async def test_what_a_node_explains_is_told_again_when_the_node_is_up_and_it_still_fires(stage: IncidentStage) -> None:
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


async def test_two_transactions_at_once_open_one_incident(stage: IncidentStage) -> None:
    alerts = [stage.alert(f"a{number}", service="callbot") for number in range(8)]
    await asyncio.gather(*(AlertPath(stage.database, stage.clock).apply(each) for each in alerts))
    [incident] = await stage.incidents()
    rows = await stage.rows(
        "SELECT count(*) FROM incident_alerts WHERE incident_id = :incident_id", incident_id=incident.incident_id
    )
    assert rows[0][0] == len(alerts)


async def test_random_transitions_are_stored_as_the_naive_model_groups_them(stage: IncidentStage) -> None:
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
            " WHERE tenants.tenant_id = :tenant_id AND resolved_at IS NULL AND incidents.status <> 'closed'"
            " GROUP BY incident_id"
        )
        assert {frozenset(row.names) for row in rows} == naive.partition()


async def test_what_people_do_is_in_the_timeline_once_for_each_request(stage: IncidentStage) -> None:
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


async def test_what_fires_can_t_be_closed_and_what_is_closed_not_acknowledged(
    stage: IncidentStage,
) -> None:
    await stage.path.apply(stage.alert())
    [incident] = await stage.incidents()
    with pytest.raises(Refused, match="still fire"):
        await stage.act("close", incident.incident_id)
    await stage.path.apply(stage.alert(state="resolved"))
    with pytest.raises(Refused, match="closed"):
        await stage.act("acknowledge", incident.incident_id)
    with pytest.raises(Refused, match="no incident"):
        await stage.act("comment", "incident-none", comment="x")


async def test_an_incident_can_be_opened_and_closed_by_hand(stage: IncidentStage) -> None:
    fields = {"tenant_id": stage.tenant_id, "title": "No voice", "severity": "critical"}
    opened, _ = await stage.act("open", None, "r-3", **fields)
    assert await stage.act("open", None, "r-3", **fields) == (opened, False)
    await stage.path.apply(stage.alert(), stage.alert(state="resolved", at=stage.clock.time + MINUTE))
    assert await stage.act("close", opened) == (opened, True)
    found = {row.incident_id: row for row in await stage.incidents()}
    assert (found[opened].opened_by, found[opened].closed_by) == ("kim@example.com", "kim@example.com")
    assert len(found) == 2


async def test_people_can_open_a_bounded_number_of_incidents(
    stage: IncidentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.monitor.incidents.commands.MOST_OPENED", 2)
    fields = {"tenant_id": stage.tenant_id, "title": "No voice"}
    await stage.path.apply(stage.alert())
    first, _ = await stage.act("open", None, f"r-first-{stage.tenant_id}", **fields)
    await stage.act("open", None, **fields)
    with pytest.raises(Refused, match="close some"):
        await stage.act("open", None, **fields)
    assert await stage.act("open", None, f"r-first-{stage.tenant_id}", **fields) == (first, False)
    await stage.act("close", first)
    _, changed = await stage.act("open", None, **fields)
    assert changed


async def test_the_recovery_adds_to_the_timeline_once(stage: IncidentStage) -> None:
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
    async with stage.database.begin() as connection:
        await add_entry(connection, "incident-none", kind="recovery", what=sentence("test", "nothing"), at=START)


async def test_what_is_added_to_a_merged_incident_is_in_the_one_that_it_is_part_of(stage: IncidentStage) -> None:
    [pod] = await stage.path.apply(stage.alert("pod", node="n1", pod="p1"))
    stage.clock.time += MINUTE
    [other] = await stage.path.apply(stage.alert("pod", node="n1", pod="p2"))
    await stage.path.apply(stage.alert("NodeDown", severity="critical", node="n1"))
    assert pod.incident_id is not None
    assert other.incident_id is not None
    async with stage.database.begin() as connection:
        what = sentence("test", "restarted callbot")
        await add_entry(connection, other.incident_id, kind="recovery", what=what, at=stage.clock.time)
    assert (await stage.timeline(pod.incident_id))[-1] == "recovery"
    assert await stage.timeline(other.incident_id) == []


async def test_incidents_that_merge_one_into_another_at_once_have_one_timeline(stage: IncidentStage) -> None:
    for labels in ({"service": "c"}, {"service": "b", "node": "n1"}, {"service": "a", "node": "n1"}):
        stage.clock.time += MINUTE
        await stage.path.apply(stage.alert("slow", **labels))
    await stage.path.apply(
        stage.alert("NodeDown", severity="critical", node="n1"), stage.alert("last", service="c", node="n1")
    )
    oldest, *others = [row.incident_id for row in await stage.incidents()]
    kinds = sorted(await stage.timeline(oldest))
    assert kinds == ["fired"] * 5 + ["merged"] * 2 + ["opened"] * 3 + ["severity"] * 2
    assert [await stage.timeline(each) for each in others] == [[], []]


async def test_an_incident_costs_its_downtime_in_minutes_and_in_budget(stage: IncidentStage) -> None:
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


async def stage_runs(stage: IncidentStage, began: datetime, ended: datetime, *, up: bool) -> None:
    async with stage.database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO availability_runs (tenant_id, service, began, ended, up)"
                " SELECT id, '', :began, :ended, :up FROM tenants WHERE tenant_id = :tenant_id"
            ),
            {"began": began, "ended": ended, "up": up, "tenant_id": stage.tenant_id},
        )


async def test_old_incidents_are_forgotten(stage: IncidentStage) -> None:
    await stage.path.apply(stage.alert("old"))
    await stage.path.apply(stage.alert("old", "resolved"), stage.alert("new"))
    async with stage.database.begin() as connection:
        await incident_store.forget(connection, START + MINUTE)
    assert [row.status for row in await stage.incidents()] == ["open"]

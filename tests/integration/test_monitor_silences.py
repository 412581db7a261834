"""Silences and recurring maintenance on a real PostgreSQL, in the transactions of the transitions."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from embedded.postgres import PostgresServer
from services.monitor.silences.recurring_maintenance import ANNOUNCED_AHEAD
from shared.database import Database
from shared.errors import Refused
from shared.rpc.silences import (
    NewRecurringMaintenance,
    NewSilence,
    RecurringMaintenanceRequest,
    SilencesRequest,
)
from tests.support.incident_stage import HOUR, MINUTE, START, IncidentStage, new_stage
from tests.support.migrated_databases import owners_database


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with owners_database(postgres) as database:
        yield database


@pytest.fixture
async def stage(database: Database) -> IncidentStage:
    return await new_stage(database)


async def test_a_silence_mutes_what_fires_and_passes_it_on_when_it_ends(stage: IncidentStage) -> None:
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
    assert stage.passed_on == []
    stage.clock.time += HOUR
    await stage.endings.run_once()
    passed = stage.passed_on
    assert {each.fingerprint for each in passed} == {cpu.fingerprint, late.fingerprint}
    assert {each.muted_by for each in passed} == {None}
    stage.path.told.clear()
    await stage.endings.run_once()
    assert stage.passed_on == []


async def test_an_old_silence_that_is_ended_is_shown_beside_many_that_have_ended_before(
    stage: IncidentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.monitor.silences.silence_store.MOST_SHOWN", 2)
    old = await stage.silence(end=START + 24 * HOUR)
    for _ in range(3):
        stage.clock.time += MINUTE
        await stage.silence(end=stage.clock.time + MINUTE)
    stage.clock.time += HOUR
    request = SilencesRequest(tenant_id=stage.tenant_id, author="lee@example.com", end=old.silence_id)
    for _ in range(2):
        ended = (await stage.silences.answer(request)).changed
        assert ended is not None
        assert (ended.silence_id, ended.status) == (old.silence_id, "ended")


async def test_a_silence_that_is_ended_early_passes_on_at_once(stage: IncidentStage) -> None:
    await stage.path.apply(stage.alert("cpu"))
    silence = await stage.silence(end=START + HOUR)
    stage.path.told.clear()
    request = SilencesRequest(tenant_id=stage.tenant_id, author="lee@example.com", end=silence.silence_id)
    ended = (await stage.silences.answer(request)).changed
    assert ended is not None
    assert (ended.status, ended.ended_by, ended.end) == ("ended", "lee@example.com", START)
    assert [each.muted_by for each in stage.passed_on] == [None]
    again = (await stage.silences.answer(request)).changed
    assert again == ended
    with pytest.raises(Refused, match="no silence"):
        await stage.silences.answer(request.model_copy(update={"end": "silence-none"}))


async def test_a_repeated_request_creates_one_silence(stage: IncidentStage) -> None:
    first = await stage.silence("s-1" + stage.tenant_id, end=START + HOUR)
    again = await stage.silence("s-1" + stage.tenant_id, end=START + HOUR)
    assert first == again
    reply = await stage.silences.answer(SilencesRequest(tenant_id=stage.tenant_id))
    assert len(reply.silences) == 1


async def test_one_that_repeats_mutes_at_its_times_in_the_tenants_zone(stage: IncidentStage) -> None:
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


async def test_a_preview_counts_the_stored_alerts(stage: IncidentStage) -> None:
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


async def test_maintenance_mutes_by_itself(stage: IncidentStage) -> None:
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


async def test_recurring_maintenance_is_announced_for_five_weeks_and_each_window_once(stage: IncidentStage) -> None:
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


async def announce(stage: IncidentStage) -> None:
    """Announce what is due. The other tests' clocks don't matter: theirs is cancelled."""
    await stage.recurring.announce()

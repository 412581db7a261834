"""What retention removes from the audit trail, on a real PostgreSQL, and what is left to check."""

from collections.abc import AsyncIterator

import pytest

from embedded.postgres import PostgresServer
from shared.database.audit_trail import export, keep, remove_old
from tests.support.audit_trails import Trail, filled, new_trail, seal_all, verdict_of


@pytest.fixture
async def trail(postgres: PostgresServer) -> AsyncIterator[Trail]:
    async with new_trail(postgres) as made:
        yield made


async def age(trail: Trail, days: int, until: int) -> None:
    statement = "UPDATE audit_seals SET sealed_at = sealed_at - make_interval(days => $1) WHERE position <= $2"
    await trail.superuser.execute(statement, days, until)


async def test_retention_removes_what_is_older_and_the_rest_is_checked_from_its_anchor(trail: Trail) -> None:
    await filled(trail.gateway, 10)
    noted = (await verdict_of(trail.gateway)).head
    await age(trail, 401, 6)
    async with trail.gateway.begin() as connection:
        assert await remove_old(connection) == 6
        assert await remove_old(connection) == 0
    assert await seal_all(trail) == 1
    verdict = await verdict_of(trail.gateway, noted)
    assert verdict.is_intact, verdict.problems
    assert verdict.sealed == 5
    lines = [line async for line in export(trail.gateway, "production")]
    assert [(line["type"], line["position"]) for line in lines[1:3]] == [("missing", 6), ("event", 7)]
    assert lines[-1]["operation"] == "removeOldAuditEvents"
    assert lines[-1]["after"]["removed"] == 6
    await age(trail, 401, 8)
    async with trail.gateway.begin() as connection:
        assert await remove_old(connection) == 2
    await seal_all(trail)
    assert (await verdict_of(trail.gateway)).is_intact
    assert "positions 9 to 10" in await trail.first_problem(
        "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_seals WHERE position IN (9, 10))",
        "DELETE FROM audit_seals WHERE position IN (9, 10)",
    )


async def test_what_retention_has_just_removed_is_no_problem_while_its_record_waits_for_its_seal(trail: Trail) -> None:
    await filled(trail.gateway, 4)
    await age(trail, 401, 2)
    async with trail.gateway.begin() as connection:
        assert await remove_old(connection) == 2
    verdict = await verdict_of(trail.gateway)
    assert verdict.is_intact, verdict.problems
    assert (verdict.sealed, verdict.waiting) == (2, 1)


async def test_a_service_removes_nothing_before_its_time_and_the_time_is_the_owner_s(trail: Trail) -> None:
    await filled(trail.gateway, 3)
    await age(trail, 399, 3)
    async with trail.gateway.begin() as connection:
        assert await remove_old(connection) == 0
    async with trail.owner.begin() as connection:
        await keep(connection, 365)
        await keep(connection, 365)
    async with trail.gateway.begin() as connection:
        assert await remove_old(connection) == 3
    await seal_all(trail)
    lines = [line async for line in export(trail.gateway, "production")]
    recorded = [(line["operation"], line["before"], line["after"]) for line in lines[1:] if line["type"] == "event"]
    assert recorded[0] == ("changeAuditRetention", {"keep_days": 400}, {"keep_days": 365})
    assert (await verdict_of(trail.gateway)).is_intact


async def test_rows_that_a_superuser_removes_are_no_retention(trail: Trail) -> None:
    await filled(trail.gateway, 10)
    found = await trail.first_problem(
        "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_seals WHERE position <= 4)",
        "DELETE FROM audit_seals WHERE position < 4",
        "UPDATE audit_chain SET anchor = 4",
    )
    assert "rows up to position 4 are gone, and no row records" in found

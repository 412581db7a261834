"""The audit trail on a real PostgreSQL: append-only for services, sealed in order, and every damage shows."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from shared.audit.chain import Head
from shared.database import Database
from shared.database.audit_trail import export, seal
from shared.roles import GATEWAY, MONITOR
from tests.support.audit_trails import Trail, damage, database_of, filled, new_trail, record_some, seal_all, verdict_of
from tests.support.service_logins import logging_in


@pytest.fixture
async def trail(postgres: PostgresServer) -> AsyncIterator[Trail]:
    async with new_trail(postgres) as made:
        yield made


async def test_rows_are_sealed_once_in_a_chain_that_is_computed_here_in_the_same_way(trail: Trail) -> None:
    await filled(trail.gateway, 20)
    assert await seal_all(trail) == 0
    verdict = await verdict_of(trail.gateway)
    assert verdict.is_intact, verdict.problems
    assert (verdict.sealed, verdict.waiting, verdict.head.position) == (20, 0, 20)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["DELETE FROM audit_events WHERE tenant_id = 'tenant-4'"], "the row at position 4 was removed"),
        (
            [
                "DELETE FROM audit_seals USING audit_events WHERE event_id = id AND tenant_id = 'tenant-4'",
                "DELETE FROM audit_events WHERE tenant_id = 'tenant-4'",
            ],
            "position 4 is missing, rows and seals",
        ),
        (
            ["UPDATE audit_events SET subject = 'another' WHERE tenant_id = 'tenant-4'"],
            "the row at position 4, or its seal, was changed",
        ),
        (["UPDATE audit_events SET after = '{\"name\":\"x\"}' WHERE tenant_id = 'tenant-4'"], "position 4"),
        (["UPDATE audit_events SET recorded_at = recorded_at - interval '1 day' WHERE tenant_id = 'tenant-4'"], "4"),
        (["UPDATE audit_seals SET digest = sha256('x') WHERE position = 4"], "the row at position 4, or its seal"),
        (
            [
                "UPDATE audit_seals SET position = -position WHERE position IN (4, 7)",
                "UPDATE audit_seals SET position = CASE position WHEN -4 THEN 7 ELSE 4 END WHERE position < 0",
            ],
            "the row at position 4, or its seal, was changed",
        ),
        (
            [
                "DELETE FROM audit_seals WHERE position = 10",
                "DELETE FROM audit_events WHERE tenant_id = 'tenant-10'",
            ],
            "the seal at position 10 is missing",
        ),
        (
            [
                "ALTER TABLE audit_events DISABLE TRIGGER USER",
                "INSERT INTO audit_events (operation, outcome, subject, kind, request_id)"
                " VALUES ('deleteTenant', 'done', 'x', 'person', 'req')",
            ],
            "a row was inserted past the queue of seals",
        ),
    ],
)
async def test_what_a_superuser_does_to_sealed_rows_shows(trail: Trail, statements: list[str], found: str) -> None:
    await filled(trail.gateway, 10)
    assert found in await trail.first_problem(*statements)


async def test_a_row_that_is_removed_before_its_seal_shows(trail: Trail) -> None:
    async with trail.gateway.begin() as connection:
        await record_some(connection, 1)
    assert "was removed before it was sealed" in await trail.first_problem("DELETE FROM audit_events")
    assert await seal_all(trail) == 0


async def test_a_chain_that_a_superuser_writes_again_shows_by_a_head_that_was_noted(trail: Trail) -> None:
    await filled(trail.gateway, 5)
    noted = (await verdict_of(trail.gateway)).head
    await damage(
        trail.superuser,
        "UPDATE audit_events SET subject = 'another' WHERE tenant_id = 'tenant-2'",
        "DELETE FROM audit_seals",
        "UPDATE audit_chain SET position = 0, digest = decode(repeat('00', 32), 'hex')",
        "INSERT INTO audit_unsealed SELECT id FROM audit_events",
    )
    assert await seal_all(trail) == 5
    assert (await verdict_of(trail.gateway)).is_intact
    assert (await verdict_of(trail.gateway, noted)).problems[0].position == 5
    assert (await verdict_of(trail.gateway, Head(2, "ab" * 32))).problems[0].position == 2


_ROW = "INSERT INTO audit_events (operation, outcome, subject, kind, request_id%s) VALUES ('x', 'done', '', '', ''%s)"


_FORBIDDEN = [
    "UPDATE audit_events SET subject = 'another'",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "DROP TABLE audit_events",
    "ALTER TABLE audit_events DISABLE TRIGGER USER",
    "DROP TRIGGER audit_events_queued ON audit_events",
    _ROW.replace("VALUES", "OVERRIDING SYSTEM VALUE VALUES") % (", id", ", 1"),
    _ROW % (", recorded_at", ", '2001-01-01'"),
    _ROW % (", recorded_by", ", 'owner'"),
    "INSERT INTO audit_seals (position, event_id, digest) VALUES (99, 99, '')",
    "UPDATE audit_seals SET digest = ''",
    "DELETE FROM audit_seals",
    "TRUNCATE audit_seals",
    "INSERT INTO audit_unsealed VALUES (1)",
    "DELETE FROM audit_unsealed",
    "UPDATE audit_chain SET position = 0",
    "UPDATE audit_chain SET keep_days = 0",
    "DELETE FROM audit_chain",
    "DO $$ BEGIN LOCK TABLE audit_events IN SHARE MODE; END $$",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION seal_audit(integer) RETURNS integer LANGUAGE sql AS 'SELECT 0'",
    "SELECT audit_field('x')",
]
"""What no service may do to the trail."""


@pytest.mark.parametrize("role", [GATEWAY, MONITOR])
async def test_a_service_can_t_change_or_remove_what_is_recorded(trail: Trail, role: str) -> None:
    await filled(trail.gateway, 1)
    connection = await asyncpg.connect(logging_in(trail.url, role))
    try:
        for statement in _FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
                pytest.fail(statement)
    finally:
        await connection.close()
    assert (await verdict_of(trail.gateway)).is_intact


async def test_transactions_that_commit_late_are_sealed_late_and_each_once(trail: Trail) -> None:
    early, aborted = await trail.gateway.engine.connect(), await trail.gateway.engine.connect()
    await early.begin()
    await record_some(early, 1)
    await aborted.begin()
    await record_some(aborted, 2)
    async with trail.gateway.begin() as connection:
        await record_some(connection, 3)
    assert await seal_all(trail) == 1
    await early.commit()
    await aborted.rollback()
    assert await seal_all(trail) == 1
    await early.close()
    await aborted.close()
    lines = [line async for line in export(trail.gateway, "production")]
    assert [(line["position"], line["tenant_id"]) for line in lines[1:]] == [(1, "tenant-3"), (2, "tenant-1")]
    assert lines[1]["id"] > lines[2]["id"]
    assert (await verdict_of(trail.gateway)).is_intact


async def test_no_transaction_waits_for_another_or_for_the_sealer(trail: Trail) -> None:
    async with trail.gateway.begin() as one, trail.gateway.begin() as other, trail.gateway.begin() as sealer:
        for connection in (one, other, sealer):
            await connection.execute(text("SET LOCAL lock_timeout = '1ms'"))
        await record_some(one, 1)
        await record_some(other, 2)
        async with trail.gateway.begin() as third:
            await record_some(third, 3)
        assert await seal(sealer, 100) == 1
        await record_some(one, 4)
    assert await seal_all(trail) == 3


async def test_of_many_sealers_one_seals_and_all_rows_are_sealed_once(trail: Trail) -> None:
    async def write(first: int) -> None:
        for number in range(first, first + 20):
            async with trail.gateway.begin() as connection:
                await record_some(connection, number)

    async def seal_while_written(database: Database, writing: asyncio.Event) -> None:
        while not writing.is_set():
            async with database.begin() as connection:
                await seal(connection, 7)

    others = [database_of(logging_in(trail.url, GATEWAY)) for _ in range(2)]
    done = asyncio.Event()
    sealing = [asyncio.create_task(seal_while_written(each, done)) for each in others]
    await asyncio.gather(*(write(100 * number) for number in range(3)))
    done.set()
    await asyncio.gather(*sealing)
    while await seal_all(trail):
        pass
    verdict = await verdict_of(trail.gateway)
    assert verdict.is_intact, verdict.problems
    assert (verdict.sealed, verdict.waiting) == (60, 0)
    for each in others:
        await each.dispose()


async def test_a_sealer_that_is_killed_in_between_loses_nothing(trail: Trail) -> None:
    async with trail.gateway.begin() as connection:
        await record_some(connection, 1, 2)
    killed = await asyncpg.connect(logging_in(trail.url, GATEWAY))
    transaction = killed.transaction()
    await transaction.start()
    assert await killed.fetchval("SELECT seal_audit(1)") == 1
    assert await seal_all(trail) == 0, "one at a time"
    pid = killed.get_server_pid()
    await trail.superuser.execute("SELECT pg_terminate_backend($1, 10000)", pid)
    assert (await verdict_of(trail.gateway)).waiting == 2
    assert await seal_all(trail) == 2
    assert (await verdict_of(trail.gateway)).is_intact


async def test_an_export_of_many_pages_has_each_row_once(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.database.audit_trail._PAGE", 3)
    await filled(trail.gateway, 10)
    async with trail.gateway.begin() as connection:
        await record_some(connection, 11)
    lines = [line async for line in export(trail.gateway, "production")]
    assert [line["position"] for line in lines[1:]] == [*range(1, 11), None]
    assert (await verdict_of(trail.gateway)).waiting == 1


async def test_rows_past_the_queue_are_found_in_every_window(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement looks at the whole trail: it would take longer than a statement may, once the trail is large."""
    monkeypatch.setattr("shared.database.audit_trail._WINDOW", 4)
    monkeypatch.setattr("shared.database.audit_trail._PAGE", 2)
    await filled(trail.gateway, 10)
    await damage(trail.superuser, "ALTER TABLE audit_events DISABLE TRIGGER USER")
    ids = (-(2**63), 0, 100, 101, 102, 103, 2**63 - 1)
    for each in ids:
        row = _ROW.replace("VALUES", "OVERRIDING SYSTEM VALUE VALUES")
        await damage(trail.superuser, row % (", id", f", {each}"))
    lines = [line async for line in export(trail.gateway, "production")]
    assert [line["id"] for line in lines[1:] if line["position"] is None] == list(ids)
    verdict = await verdict_of(trail.gateway)
    assert (verdict.sealed, verdict.waiting, verdict.problem_count) == (10, 0, len(ids))


_UNREADABLE = [
    _ROW.replace("'done'", "'other'") % ("", ""),
    _ROW % (", repeats", ", 0"),
    _ROW % (", repeats, first_at", ", 2, 'infinity'"),
    _ROW % (", repeats, first_at", ", 2, '294276-01-01'"),
    _ROW % (", repeats, first_at", ", 2, '0044-03-15 BC'"),
]


@pytest.mark.parametrize("statement", _UNREADABLE)
async def test_a_service_can_t_add_a_row_that_no_list_could_show(trail: Trail, statement: str) -> None:
    connection = await asyncpg.connect(logging_in(trail.url, GATEWAY))
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_deeply_nested_change_that_a_service_adds_leaves_the_trail_readable(trail: Trail) -> None:
    deep = '{"a":' + 300 * "[" + 300 * "]" + "}"
    connection = await asyncpg.connect(logging_in(trail.url, GATEWAY))
    try:
        await connection.execute(_ROW % (", after", ", $1"), deep)
    finally:
        await connection.close()
    assert await seal_all(trail) == 1
    assert [line["after"] async for line in export(trail.gateway, "production") if line["type"] == "event"] == [deep]
    assert (await verdict_of(trail.gateway)).is_intact

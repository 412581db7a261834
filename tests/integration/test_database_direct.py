"""Single statements past SQLAlchemy: their connections survive what happens to PostgreSQL and to their callers."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from embedded.child import until
from embedded.postgres import PostgresServer
from shared.database import Database
from shared.database.direct import MOST_CONNECTIONS
from shared.database.failures import Unwritable
from shared.database.settings import DatabaseSettings
from shared.errors import DependencyUnavailable
from shared.subjects import Mode
from tests.support.databases import FULL_DISK, execute

_OWN = "SELECT pg_backend_pid()"
_LOCK = "SELECT pg_advisory_xact_lock(7)"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await postgres.create_database(f"direct_{time.monotonic_ns()}")
    made = Database(Mode.DEMO, DatabaseSettings(demo_database_url=url), "test")
    await execute(made, "CREATE TABLE numbers (number integer)")
    yield made
    await made.dispose()


async def process(database: Database) -> int:
    """The server's process of a connection."""
    row = await database.fetch_row(_OWN)
    assert row is not None
    return int(row[0])


async def test_each_statement_is_committed_and_its_connection_used_again(database: Database) -> None:
    first = await process(database)
    row = await database.fetch_row("INSERT INTO numbers VALUES ($1) RETURNING number", 5)
    assert row is not None and row["number"] == 5
    async with database.begin() as connection:
        assert await connection.scalar(text("SELECT number FROM numbers")) == 5
    assert await database.fetch_row("SELECT number FROM numbers WHERE number = $1", 6) is None
    assert await process(database) == first


async def test_a_statement_that_postgresql_refuses_leaves_its_connection_usable(database: Database) -> None:
    first = await process(database)
    with pytest.raises(asyncpg.NotNullViolationError):
        await execute(database, "ALTER TABLE numbers ALTER number SET NOT NULL")
        await database.fetch_row("INSERT INTO numbers VALUES ($1) RETURNING number", None)
    assert await process(database) == first


async def test_a_connection_that_postgresql_closed_is_replaced(database: Database) -> None:
    first = await process(database)
    await execute(database, f"SELECT pg_terminate_backend({first}, 10000)")

    async def answers() -> bool:
        try:
            return await process(database) != first
        except DependencyUnavailable:
            return False  # the driver hadn't noticed yet

    await until(answers, 60)


async def test_a_cancelled_statement_takes_its_connection_along(database: Database) -> None:
    first = await process(database)
    async with database.begin() as holder:
        await holder.execute(text(_LOCK))
        waiting = asyncio.create_task(database.fetch_row(_LOCK))
        await until(lambda: _counts(database, _WAITING, 1), 60)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await process(database) != first


async def test_there_are_no_more_connections_than_allowed(database: Database) -> None:
    async with database.begin() as holder:
        await holder.execute(text(_LOCK))
        waiting = [asyncio.create_task(database.fetch_row(_LOCK)) for _ in range(MOST_CONNECTIONS + 3)]
        await until(lambda: _counts(database, _WAITING, MOST_CONNECTIONS), 60)
    await asyncio.gather(*waiting)


async def test_a_full_disk_is_remembered(database: Database) -> None:
    trigger = "CREATE TRIGGER full_disk BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION fail()"
    await execute(database, FULL_DISK, trigger)
    with pytest.raises(Unwritable):
        await database.fetch_row("INSERT INTO numbers VALUES (1) RETURNING number")
    assert database.unwritable is not None


async def _counts(database: Database, query: str, wanted: int) -> bool:
    async with database.begin() as connection:
        return bool(await connection.scalar(text(query)) == wanted)

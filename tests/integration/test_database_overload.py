"""An overloaded, an unavailable and a read-only database are reported as three different errors."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from embedded.child import until
from embedded.postgres import PostgresServer, running_postgres
from services.gateway.http.responses import error_response
from services.gateway.http.write_check import WriteCheck
from shared.database import Database
from shared.database.failures import Unwritable, translating
from shared.database.settings import DatabaseSettings
from shared.errors import DependencyUnavailable, Overloaded
from shared.subjects import Mode
from tests.support.databases import FULL_DISK, execute
from tests.support.migrated_databases import migrated_database

_WRITES = "BEFORE INSERT ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION fail()"


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await migrated_database(postgres, f"overload_{time.monotonic_ns()}")
    settings = DatabaseSettings(demo_database_url=url, database_pool_size=1, database_connect_timeout=5)
    made = Database(Mode.DEMO, settings, "test")
    yield made
    await made.dispose()


async def test_a_full_pool_of_a_healthy_database_is_overload_with_a_time_to_retry(database: Database) -> None:
    async with database.begin():
        with pytest.raises(Overloaded, match="all connections are in use") as busy:
            await database.check()
    answer = error_response(busy.value)
    assert (busy.value.code, answer.status_code, answer.headers["retry-after"]) == ("OVERLOADED", 503, "2")
    await database.check()


async def test_a_session_that_waits_for_a_lock_ends_with_its_client(database: Database) -> None:
    """As after a network failure: otherwise such sessions use up the server's connections."""
    lock = "SELECT pg_advisory_xact_lock(1)"
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with database.begin() as holder:
        await holder.execute(text(lock))
        async with database.session() as gone:
            waiting = asyncio.create_task(gone.execute(lock))
            await until(lambda: _counts(holder, count, 1), 60)
            gone.terminate()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: _counts(holder, count, 0), 60)


async def test_a_session_that_is_terminated_and_not_yet_closed_is_an_outage(postgres: PostgresServer) -> None:
    """Between the server's last message and the end of the connection, as at a stop of PostgreSQL under load."""
    url = await postgres.create_database("terminated", user="terminated_user", password="secret")
    async with _never_closing_relay(url) as relayed, _database(relayed).session() as session:
        pid = await session.fetchval("SELECT pg_backend_pid()")
        async with _database(url).session() as other:
            assert await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        causes = [await _cause_of_outage(session) for _ in range(3)]
        session.terminate()
    assert asyncpg.InternalClientError in causes


def _database(url: str) -> Database:
    return Database(Mode.DEMO, DatabaseSettings(demo_database_url=url), "test")


async def _cause_of_outage(session: asyncpg.Connection) -> type[BaseException | None]:
    with pytest.raises(DependencyUnavailable, match="is not available") as away, translating("PostgreSQL"):
        await session.fetchval("SELECT 1")
    return type(away.value.__cause__)


@asynccontextmanager
async def _never_closing_relay(url: str) -> AsyncIterator[str]:
    """`url` through a relay that keeps the client's connection when the server has closed its own."""
    parts = urlsplit(url)

    async def relay(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_copy(client, to_server), _copy(server, to_client), return_exceptions=True)
        for writer in (to_client, to_server):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _counts(connection: AsyncConnection, query: str, number: int) -> bool:
    return await connection.scalar(text(query)) == number


async def test_a_full_pool_of_a_database_that_hangs_is_an_outage(tmp_path: Path) -> None:
    async with running_postgres(tmp_path) as server:
        url = await server.create_database("hangs", user="hangs_user", password="secret")
        settings = DatabaseSettings(demo_database_url=url, database_pool_size=1, database_connect_timeout=3)
        database = Database(Mode.DEMO, settings, "test")
        assert server._child is not None
        async with database.begin() as connection:
            await connection.execute(text("SELECT 1"))
            os.kill(server._child.pid, signal.SIGSTOP)
            try:
                with pytest.raises(DependencyUnavailable, match="is not available") as away:
                    await database.check()
            finally:
                os.kill(server._child.pid, signal.SIGCONT)
        assert away.value.code == "DATABASE_ERROR"
        await database.dispose()


async def test_a_database_that_can_t_write_is_found_by_the_check_though_it_reads(database: Database) -> None:
    check = WriteCheck(database)
    await check()
    await execute(database, FULL_DISK, f"CREATE TRIGGER full_disk {_WRITES}")
    await check()  # The recent result is cached.
    check = WriteCheck(database)
    for _ in range(2):
        with pytest.raises(DependencyUnavailable, match="No space left on device"):
            await check()
    assert (await _count(database)) == 0


async def test_a_write_that_failed_is_remembered_until_one_succeeds(database: Database) -> None:
    check = WriteCheck(database)
    await check()
    await execute(database, FULL_DISK, f"CREATE TRIGGER full_disk {_WRITES}")
    with pytest.raises(Unwritable):
        await execute(database, "INSERT INTO idempotency_keys (scope, key, fingerprint) VALUES ('a', 'b', '')")
    with pytest.raises(DependencyUnavailable, match="No space left on device"):
        await check()
    await execute(database, "DROP TRIGGER full_disk ON idempotency_keys")
    assert database.unwritable is not None
    database.unwritable = (time.monotonic() - 60, database.unwritable[1])
    await WriteCheck(database)()
    assert database.unwritable is None
    assert (await _count(database)) == 0


async def test_a_standby_that_only_reads_can_t_write(database: Database) -> None:
    with pytest.raises(Unwritable) as refused:
        await execute(
            database,
            "SET TRANSACTION READ ONLY",
            "INSERT INTO idempotency_keys (scope, key, fingerprint) VALUES ('a', 'b', '')",
        )
    assert refused.value.code == "DATABASE_ERROR"


async def _count(database: Database) -> int:
    async with database.begin() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM idempotency_keys")) or 0)

"""Migrations, partitions, and errors of an unavailable database."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from embedded.postgres import PostgresServer, running_postgres
from shared.database import Database, Databases, DatabaseSettings, ensure_partitions
from shared.database.connection import SCHEMA_REVISION
from shared.database.tables import metadata
from shared.database.upgrade import alembic_config, upgrade, upgrade_one
from shared.errors import DependencyUnavailable, TemporaryError
from shared.subjects import Mode

PARTITIONS = """
SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'monitoring_data%' ORDER BY relname
"""


@pytest.fixture
async def settings(postgres: PostgresServer, request: pytest.FixtureRequest) -> DatabaseSettings:
    """Two fresh databases."""
    name = f"upgrade_{abs(hash(request.node.name))}"
    return DatabaseSettings(
        database_url=await postgres.create_database(name, user=f"{name}_user", password="secret"),
        demo_database_url=await postgres.create_database(f"{name}_demo", user=f"{name}_demo_user", password="secret"),
    )


@pytest.fixture
async def databases(settings: DatabaseSettings) -> AsyncIterator[Databases]:
    databases = Databases(settings, "test")
    yield databases
    await databases.dispose()


async def test_two_upgrades_at_once_and_a_third_one_later_do_it_once(
    databases: Databases, settings: DatabaseSettings
) -> None:
    others = Databases(settings, "other")
    await asyncio.gather(upgrade(databases), upgrade(others))
    await upgrade(databases)
    for mode in Mode:
        await databases[mode].check()
        async with databases[mode].begin() as connection:
            names = (await connection.execute(text(PARTITIONS))).scalars().all()
        assert len(names) == 3
    await others.dispose()


async def test_the_migrations_make_the_tables_that_the_code_knows(databases: Databases) -> None:
    await upgrade_one(databases[Mode.DEMO])

    def differences(connection: Connection) -> list[object]:
        def is_ours(name: str | None, kind: str, parents: object) -> bool:
            return not (kind == "table" and name is not None and name.startswith("monitoring_data_"))

        options = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with databases[Mode.DEMO].begin() as connection:
        assert await connection.run_sync(differences) == []


def test_the_revision_that_the_code_needs_is_the_latest() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == SCHEMA_REVISION


async def test_a_database_without_tables_is_not_ready_and_names_the_command_to_run(databases: Databases) -> None:
    with pytest.raises(DependencyUnavailable, match=r"python -m shared\.database upgrade"):
        await databases[Mode.PRODUCTION].check()


async def test_partitions_of_coming_months_are_made_once_and_across_a_year(databases: Databases) -> None:
    database = databases[Mode.PRODUCTION]
    await upgrade_one(database)

    async def make() -> None:
        async with database.begin() as connection:
            await ensure_partitions(connection, date(2030, 11, 30))

    await asyncio.gather(make(), make())
    async with database.begin() as connection:
        names = (await connection.execute(text(PARTITIONS))).scalars().all()
    assert [name for name in names if name >= "monitoring_data_auto_2030"] == [
        "monitoring_data_auto_2030_11",
        "monitoring_data_auto_2030_12",
        "monitoring_data_auto_2031_01",
    ]


async def test_a_month_that_another_partition_covers_is_left_alone(databases: Databases) -> None:
    database = databases[Mode.PRODUCTION]
    await upgrade_one(database)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE monitoring_data_by_hand PARTITION OF monitoring_data"
                " FOR VALUES FROM ('2040-01-15') TO ('2040-02-15')"
            )
        )
        await ensure_partitions(connection, date(2040, 1, 1))
        names = (await connection.execute(text(PARTITIONS))).scalars().all()
    assert "monitoring_data_auto_2040_01" not in names
    assert "monitoring_data_auto_2040_03" in names


async def test_the_guide_s_own_migration_command_upgrades_the_database_of_database_url(
    settings: DatabaseSettings, databases: Databases
) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", "upgrade", "head"),
        env={**os.environ, "DATABASE_URL": settings.database_url},
    )
    assert await child.wait() == 0
    await databases[Mode.PRODUCTION].check()


async def test_the_upgrade_command_waits_for_its_databases_and_names_them(settings: DatabaseSettings) -> None:
    away = "postgresql://user:secret@127.0.0.1:1/nothing"
    environment = {**os.environ, "DATABASE_URL": settings.database_url, "DEMO_DATABASE_URL": away}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.database", "upgrade"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert child.stderr is not None
    line = await asyncio.wait_for(child.stderr.readline(), 60)
    child.terminate()
    await child.communicate()
    assert b"Waiting for PostgreSQL (demo)" in line
    assert b"secret" not in line


async def test_a_database_that_is_away_is_a_dependency_that_is_away_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with running_postgres(tmp_path) as server:
        url = await server.create_database("comes_back", user="comes_back_user", password="secret")
        database = Database(Mode.DEMO, DatabaseSettings(demo_database_url=url), "test")
        await upgrade_one(database)
        await server.stop()
        with pytest.raises(DependencyUnavailable, match=r"PostgreSQL \(demo\) is not available") as away:
            await database.check()
        assert away.value.code == "DATABASE_ERROR"
        await server.start()
        await database.check()
        await database.dispose()


async def test_a_pool_without_a_free_connection_is_an_outage_after_a_bounded_time(settings: DatabaseSettings) -> None:
    database = Database(
        Mode.DEMO, settings.model_copy(update={"database_pool_size": 1, "database_connect_timeout": 0.2}), "test"
    )
    async with database.begin():
        with pytest.raises(DependencyUnavailable, match="all connections are in use"):
            await database.check()
    await database.dispose()


async def test_a_statement_that_takes_too_long_is_an_outage(settings: DatabaseSettings) -> None:
    database = Database(Mode.DEMO, settings.model_copy(update={"database_command_timeout": 0.2}), "test")
    with pytest.raises(DependencyUnavailable, match="no answer in time"):
        async with database.begin() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))
    await database.dispose()


async def test_a_wrong_password_is_an_outage_with_that_reason(settings: DatabaseSettings) -> None:
    wrong = settings.demo_database_url.replace("secret", "wrong")
    database = Database(Mode.DEMO, settings.model_copy(update={"demo_database_url": wrong}), "test")
    with pytest.raises(DependencyUnavailable, match="password authentication failed"):
        await database.check()
    await database.dispose()


async def test_a_deadlock_is_worth_another_try(databases: Databases) -> None:
    database = databases[Mode.DEMO]
    await upgrade_one(database)
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO tenant_generations VALUES ('first', 1), ('second', 1)"))
    both = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with database.begin() as connection:
            statement = text("UPDATE tenant_generations SET generation = 2 WHERE tenant_id = :name")
            await connection.execute(statement, {"name": first})
            await both.wait()
            await connection.execute(statement, {"name": second})

    results = await asyncio.gather(lock("first", "second"), lock("second", "first"), return_exceptions=True)
    [failure] = [each for each in results if each is not None]
    assert isinstance(failure, TemporaryError)
    assert not isinstance(failure, DependencyUnavailable)


async def test_a_mistake_of_ours_is_not_taken_for_an_outage(databases: Databases) -> None:
    with pytest.raises(Exception, match="division by zero") as mistake:
        async with databases[Mode.DEMO].begin() as connection:
            await connection.execute(text("SELECT 1 / 0"))
    assert not isinstance(mistake.value, TemporaryError)


async def test_a_session_s_advisory_lock_ends_with_it(databases: Databases) -> None:
    database = databases[Mode.DEMO]

    async def can_lock(session: asyncpg.Connection) -> bool:
        return bool(await session.fetchval("SELECT pg_try_advisory_lock(1)"))

    async with database.session() as first, database.session() as second:
        assert await can_lock(first)
        assert not await can_lock(second)
    async with database.session() as third, asyncio.timeout(60):
        while True:
            if await can_lock(third):
                break
            await asyncio.sleep(0.01)

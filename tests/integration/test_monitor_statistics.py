"""The nightly refresh of the planner's statistics, with the monitor's own rights on a real PostgreSQL."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.storage.statistics import Statistics, is_due
from shared.database import Database, Databases, DatabaseSettings
from shared.database.partitions import ensure_partitions
from shared.roles import MONITOR
from shared.subjects import Mode
from tests.support.migrated_databases import migrated_database
from tests.support.service_logins import logging_in

HOUR = 17
NIGHT = datetime(2031, 7, 3, HOUR, 20, tzinfo=UTC)
_ANALYZED = text("""
    SELECT count(*) FROM pg_stat_all_tables
    WHERE last_analyze IS NOT NULL AND (relname LIKE 'monitoring_data%' OR relname IN ('tenants', 'services'))
""")
_TUPLES = text("SELECT reltuples FROM pg_class WHERE oid = 'monitoring_data'::regclass")


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (NIGHT, NIGHT - timedelta(days=1), True),
        (NIGHT, NIGHT - timedelta(minutes=10), False),
        (NIGHT - timedelta(hours=1), NIGHT - timedelta(days=1), False),
        (NIGHT + timedelta(hours=5), NIGHT - timedelta(days=1), False),
        (NIGHT + timedelta(hours=5), NIGHT - timedelta(days=2), True),
        (NIGHT.replace(hour=HOUR, minute=0), NIGHT - timedelta(days=1), True),
    ],
)
def test_it_is_due_once_a_night_and_by_day_only_if_long_overdue(now: datetime, last: datetime, expected: bool) -> None:
    assert is_due(now, last, HOUR) is expected


@pytest.mark.parametrize("hour", range(24))
def test_whatever_the_hour_a_monitor_that_always_runs_refreshes_once_a_day(hour: int) -> None:
    now, last, refreshes = NIGHT, NIGHT, 0
    for _ in range(10 * 24 * 6):
        now += timedelta(minutes=10)
        if is_due(now, last, hour):
            last, refreshes = now, refreshes + 1
    assert refreshes == 10


class Clock:
    def __init__(self) -> None:
        self.time = NIGHT - timedelta(hours=12)
        self.shown: list[datetime] = []

    def now(self) -> datetime:
        return self.time


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """With a year of partitions and some samples, and the monitor's login."""
    url = await migrated_database(postgres, f"statistics_{uuid4().hex}")
    owners = Databases(DatabaseSettings(database_url=url, demo_database_url=url), "test")
    async with owners[Mode.DEMO].begin() as connection:
        await ensure_partitions(connection, datetime(2031, 1, 1).date(), months=12)
        await connection.execute(
            text(
                "INSERT INTO monitoring_data (metric_type, metric_name, metric_value, timestamp)"
                " SELECT 'cpu', 'cpu', 1, timestamptz '2031-01-01 00:00+00' + number * interval '8 hours'"
                " FROM generate_series(0, 999) AS number"
            )
        )
    await owners.dispose()
    login = logging_in(url, MONITOR)
    databases = Databases(DatabaseSettings(database_url=login, demo_database_url=login), "test")
    yield databases[Mode.DEMO]
    await databases.dispose()


def of(database: Database, clock: Clock) -> Statistics:
    return Statistics(database, hour=HOUR, shown=clock.shown.append, now=clock.now)


async def test_the_first_night_refreshes_all_partitions_and_the_table_as_a_whole(database: Database) -> None:
    clock = Clock()
    statistics = of(database, clock)
    await statistics.run_once()
    async with database.begin() as connection:
        assert await connection.scalar(_TUPLES) == -1, "never analyzed"
    assert clock.shown == [], "nothing was refreshed by day"
    clock.time = NIGHT
    await statistics.run_once()
    assert clock.shown == [NIGHT]
    async with database.begin() as connection:
        assert await connection.scalar(_TUPLES) == 1000
        partitions = await connection.scalar(
            text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'monitoring_data'::regclass")
        )
    async with database.begin() as connection:
        await connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        assert await connection.scalar(_ANALYZED) >= partitions + 2
    clock.time += timedelta(minutes=10)
    await statistics.run_once()
    assert clock.shown == [NIGHT, NIGHT], "only shown again"


async def test_of_several_replicas_one_refreshes_and_all_show_when(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clocks = [Clock() for _ in range(3)]
    replicas = [of(database, clock) for clock in clocks]
    await replicas[0].run_once()
    for clock in clocks:
        clock.time = NIGHT
    await asyncio.gather(*(each.run_once() for each in replicas))
    assert caplog.text.count("refresh-statistics") == 1
    for clock, replica in zip(clocks, replicas, strict=True):
        clock.time += timedelta(minutes=10)
        await replica.run_once()
    assert {clock.shown[-1] for clock in clocks} == {NIGHT}


async def test_while_a_partition_is_made_the_refresh_waits_for_another_round(database: Database) -> None:
    """Making one waits for the end of an ANALYZE, and everything else that uses the table waits behind that."""
    clock = Clock()
    statistics = of(database, clock)
    await statistics.run_once()
    clock.time = NIGHT
    async with database.begin() as connection:
        await ensure_partitions(connection, NIGHT.date(), months=1)
        await statistics.run_once()
        assert clock.shown == []
    await statistics.run_once()
    assert clock.shown == [NIGHT]


async def test_the_monitor_may_refresh_statistics_and_still_owns_no_table(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("SELECT refresh_statistics()"))
        owned = await connection.scalar(
            text("SELECT count(*) FROM pg_tables WHERE tableowner = current_user AND schemaname = 'public'")
        )
    assert owned == 0

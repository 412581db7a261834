"""Samples into rollups, and what becomes of the samples: nothing is lost, and nothing counts twice."""

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.gateway.monitoring.repository import series
from services.gateway.monitoring.series import series_of
from services.monitor.settings import MonitorSettings
from services.monitor.storage.rollups import Rollups
from shared.database import Database, Databases, DatabaseSettings, ensure_partitions
from shared.database.partitions import ensure_day
from shared.subjects import Mode
from tests.support.migrated_databases import migrated_database

NOW = datetime(2031, 7, 3, 12, 30, tzinfo=UTC)
STEPS = (60, 300, 3600)


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await migrated_database(postgres, f"rollups_{uuid4().hex}")
    databases = Databases(DatabaseSettings(database_url=url, demo_database_url=url), "test")
    database = databases[Mode.PRODUCTION]
    async with database.begin() as connection:
        await ensure_partitions(connection, datetime(2031, 6, 1).date())
        await connection.execute(
            text(
                "INSERT INTO tenants (id, tenant_id, preset, service_requirements, resources, sla_target)"
                " VALUES (1, 'acme', 'small', '{}', '{}', '{}'), (2, 'globex', 'small', '{}', '{}', '{}')"
            )
        )
    yield database
    await databases.dispose()


async def store(
    database: Database,
    samples: list[tuple[str, float, datetime]],
    *,
    row_id: int = 1,
    source: str | None = "kubernetes",
) -> None:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO monitoring_data"
                " (tenant_id, metric_type, metric_name, metric_value, timestamp, data_source)"
                " VALUES (:row_id, :name, :name, :value, :time, :source)"
            ),
            [
                {"row_id": row_id, "name": name, "value": value, "time": time, "source": source}
                for name, value, time in samples
            ],
        )


async def shown(database: Database, step: int, start: datetime, end: datetime) -> dict[tuple[str, datetime], Any]:
    """The mean of each interval."""
    async with database.begin() as connection:
        rows = await series(connection, 1, start=start, end=end, step=step, metric=None, most=100_000)
    points = [
        ((name, datetime.fromisoformat(point["timestamp"])), point["value"])
        for name, points in series_of(rows, start=start, step=step).metrics.items()
        for point in points
    ]
    assert len(dict(points)) == len(points)
    return dict(points)


async def stored(database: Database, step: int) -> dict[tuple[str, datetime], Any]:
    """Mean, maximum and count of each interval that is rolled up."""
    columns = {
        60: "minutes, minute_means, minute_highs, minute_samples",
        300: "fives, five_means, five_highs, five_samples",
        3600: "ARRAY[0], ARRAY[mean], ARRAY[highest], ARRAY[samples]",
    }[step]
    statement = f"SELECT metric_name, hour, {columns} FROM monitoring_rollups WHERE tenant_id = 1"  # noqa: S608 - a test's
    async with database.begin() as connection:
        rows = (await connection.execute(text(statement))).all()
    return {
        (name, hour + timedelta(seconds=number * step)): (mean, highest, count)
        for name, hour, *arrays in rows
        for number, mean, highest, count in zip(*arrays, strict=True)
    }


def counted(samples: list[tuple[str, float, datetime]], step: int) -> dict[tuple[str, datetime], Any]:
    """The same by hand."""
    found: dict[tuple[str, datetime], list[float]] = defaultdict(list)
    for name, value, time in samples:
        found[name, datetime.fromtimestamp(time.timestamp() // step * step, UTC)].append(value)
    return {key: (pytest.approx(sum(values) / len(values)), max(values), len(values)) for key, values in found.items()}


def random_samples(seed: int, hours: int, count: int = 400) -> list[tuple[str, float, datetime]]:
    random = Random(seed)
    return [
        (
            random.choice(["cpu", "memory"]),
            random.uniform(-5, 100),
            # Of one source there is one value at a time.
            NOW - timedelta(seconds=random.randint(1, hours * 3600), microseconds=-number),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_series_are_the_same_before_and_after_rolling_and_after_the_samples_are_gone(
    database: Database, seed: int
) -> None:
    """Samples come in four parts, in random order, and everything is rolled and removed in between, twice."""
    samples = random_samples(seed, hours=60)
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400)
    start = NOW - timedelta(hours=70)
    for part in range(4):
        await store(database, samples[part::4])
        await store(database, samples[part::4], row_id=2)
        for _ in range(2):
            await rollups.roll()
            await rollups.purge()
    for step in STEPS:
        wanted = counted(samples, step)
        assert await shown(database, step, start, NOW) == {key: mean for key, (mean, _, _) in wanted.items()}
        rolled = {key: figures for key, figures in wanted.items() if key[1] < NOW.replace(minute=0)}
        assert await stored(database, step) == rolled
    async with database.begin() as connection:
        oldest = await connection.scalar(text("SELECT min(timestamp) FROM monitoring_data"))
    assert oldest >= datetime(2031, 7, 2, 12, tzinfo=UTC)


async def test_what_is_stored_after_an_hour_was_rolled_is_shown_with_the_next_pass(database: Database) -> None:
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400)
    time = NOW - timedelta(hours=3)
    await store(database, [("cpu", 10.0, time)])
    await rollups.roll()
    await store(database, [("cpu", 30.0, time + timedelta(seconds=1))])
    await rollups.roll()
    found = await shown(database, 3600, NOW - timedelta(hours=5), NOW)
    assert list(found.values()) == [20.0]
    assert list((await stored(database, 3600)).values()) == [(20.0, 30.0, 2)]


async def test_samples_are_kept_for_48_hours_and_then_only_by_minute_five_minutes_and_hour(database: Database) -> None:
    """With the default settings."""
    rollups = Rollups(database, lambda: NOW, raw_hours=MonitorSettings().raw_hours, days=MonitorSettings().rollup_days)
    samples = [
        ("cpu", float(number % 61), NOW - timedelta(minutes=10) - timedelta(seconds=50 * number))
        for number in range(60 * 72)
    ]
    await store(database, samples)
    await rollups.roll()
    await rollups.purge()
    horizon = NOW.replace(minute=0) - timedelta(hours=48)
    async with database.begin() as connection:
        left = (await connection.execute(text("SELECT timestamp FROM monitoring_data ORDER BY 1"))).scalars().all()
    assert list(left) == sorted(time for _, _, time in samples if time >= horizon)
    for step in STEPS:
        wanted = {key: mean for key, (mean, _, _) in counted(samples, step).items()}
        assert await shown(database, step, NOW - timedelta(hours=80), NOW) == wanted


async def test_what_can_not_be_added_up_was_inserted_by_hand_and_is_left_out(database: Database) -> None:
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400)
    time = NOW - timedelta(hours=3)
    for number in range(3):
        await store(database, [("cpu", float(f"{1 + number}e30"), time + timedelta(seconds=number))])
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO monitoring_data"
                " (tenant_id, metric_type, metric_name, metric_value, timestamp, data_source)"
                " SELECT 1, 'cpu', 'cpu', value::numeric,"
                " CAST(:time AS timestamptz) + nth * interval '1 minute', 'prometheus'"
                " FROM unnest(ARRAY['NaN', 'Infinity', '1e400', '-1e400']) WITH ORDINALITY AS each (value, nth)"
            ),
            {"time": time},
        )
    before = await shown(database, 3600, NOW - timedelta(hours=5), NOW)
    await rollups.roll()
    after = await shown(database, 3600, NOW - timedelta(hours=5), NOW)
    assert list(before.values()) == list(after.values()) == [1e30]
    old = Rollups(database, lambda: NOW + timedelta(days=3), raw_hours=24, days=400)
    await old.purge()
    assert await shown(database, 3600, NOW - timedelta(hours=5), NOW) == after
    async with database.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM monitoring_data")) == 0


async def test_a_month_whose_samples_are_gone_is_dropped_and_others_stay(database: Database) -> None:
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400)
    await store(database, [("cpu", 10.0, datetime(2031, 6, 10, tzinfo=UTC)), ("cpu", 20.0, NOW)])
    async with database.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE kept_by_hand PARTITION OF monitoring_data"
                " FOR VALUES FROM ('2031-05-01') TO ('2031-05-02')"
            )
        )
    await rollups.purge()
    async with database.begin() as connection:
        names = (
            (
                await connection.execute(
                    text(
                        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
                        " WHERE inhparent = 'monitoring_data'::regclass AND relname > 'a'"
                    )
                )
            )
            .scalars()
            .all()
        )
    assert "monitoring_data_auto_2031_06" not in names
    assert {"monitoring_data_auto_2031_07", "kept_by_hand"} <= set(names)
    found = await shown(database, 3600, datetime(2031, 6, 9, tzinfo=UTC), NOW)
    assert list(found.values()) == [20.0]
    await rollups.roll()
    assert len(await shown(database, 3600, datetime(2031, 6, 9, tzinfo=UTC), NOW)) == 2


async def test_rollups_are_kept_for_their_days(database: Database) -> None:
    await store(database, [("cpu", 1.0, NOW - timedelta(days=3)), ("cpu", 2.0, NOW - timedelta(days=1.5))])
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=2)
    await rollups.roll()
    await rollups.purge()
    found = await shown(database, 3600, NOW - timedelta(days=5), NOW)
    assert list(found.values()) == [2.0]


async def count(database: Database, table: str = "monitoring_data") -> int:
    async with database.begin() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")))  # noqa: S608 - a test's


async def exists(database: Database, table: str) -> bool:
    async with database.begin() as connection:
        return await connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is not None


@pytest.mark.parametrize("source", [None, "api", "k8s-simulator", "crm"])
async def test_what_others_wrote_stays_for_the_retention_and_is_shown_once(
    database: Database, source: str | None
) -> None:
    """Rolled, purged and rolled again, with samples that come late into hours of which ours are gone already."""
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400)
    old, older = NOW - timedelta(days=3), NOW - timedelta(days=20)
    await store(database, [("cpu", 10.0, old)], source=source)
    await store(database, [("cpu", 40.0, old + timedelta(seconds=1)), ("cpu", 5.0, older)])
    for _ in range(2):
        await rollups.roll()
        await rollups.purge()
    await store(database, [("cpu", 100.0, old + timedelta(seconds=2)), ("cpu", 7.0, older)], source=source)
    for _ in range(2):
        await rollups.roll()
        await rollups.purge()
    assert await count(database) == 3
    for step in STEPS:
        found = await shown(database, step, NOW - timedelta(days=25), NOW)
        assert list(found.values()) == [6.0, 50.0]


async def test_a_partition_made_by_the_guides_statement_keeps_its_rows(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE monitoring_data_2024_01 PARTITION OF monitoring_data"
                " FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')"
            )
        )
    await store(database, [("cpu", 10.0, datetime(2024, 1, 20, tzinfo=UTC))], source=None)
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400, retention_days=400)
    await rollups.roll()
    await rollups.purge()
    assert await count(database, "monitoring_data_2024_01") == 1


async def test_a_partition_of_ours_goes_when_its_last_day_is_past_the_retention(database: Database) -> None:
    async with database.begin() as connection:
        await ensure_partitions(connection, datetime(2031, 1, 1).date(), months=2)
        await ensure_day(connection, datetime(2030, 12, 31).date())
    days = [datetime(2030, 12, 31), datetime(2031, 1, 31), datetime(2031, 2, 1)]
    await store(database, [("cpu", 10.0, day.replace(tzinfo=UTC)) for day in days], source="api")
    rollups = Rollups(database, lambda: NOW, raw_hours=24, days=400, retention_days=150)
    await rollups.roll()
    await rollups.purge()
    assert await count(database) == 1
    assert not await exists(database, "monitoring_data_auto_2031_01")
    assert not await exists(database, "monitoring_data_auto_2030_12_31")
    assert await exists(database, "monitoring_data_auto_2031_02")

"""What the monitor writes to PostgreSQL and reads from it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.handlers import store_samples
from services.monitor.storage.availability_store import WHOLE, AvailabilityStore, TenantObjective
from services.monitor.storage.housekeeping import Housekeeping
from services.monitor.storage.sample_writer import SampleWriter
from shared.database import Database, Databases, DatabaseSettings, ensure_partitions
from shared.errors import InvalidEvent
from shared.events import MetricsCollected, MetricsSampled, Moment, TenantSample
from shared.sla import SLICE_SECONDS, AvailabilityHistory, Run, slice_of, slice_start
from shared.subjects import Mode
from tests.support.migrated_databases import migrated_database

MIDNIGHT = datetime(2031, 7, 1, tzinfo=UTC)
"""Where two partitions meet. The tenants of these tests are as old as the year."""


@pytest.fixture(scope="module")
async def tables(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await migrated_database(postgres, f"monitor_{uuid4().hex}")
    databases = Databases(DatabaseSettings(database_url=url, demo_database_url=url), "test")
    async with databases[Mode.PRODUCTION].begin() as connection:
        await ensure_partitions(connection, datetime(2031, 6, 1).date())
    yield databases[Mode.PRODUCTION]
    await databases.dispose()


@pytest.fixture
async def database(tables: Database) -> Database:
    """The tables, empty."""
    async with tables.begin() as connection:
        await connection.execute(text("TRUNCATE tenants CASCADE"))
    return tables


async def tenant(database: Database, tenant_id: str = "acme", target: str = '{"availability": "99.9%"}') -> int:
    """The id of a new tenant's row."""
    async with database.begin() as connection:
        row_id = await connection.scalar(
            text(
                "INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target, created_at)"
                " VALUES (:tenant_id, 'Acme', 'small', '{}', '{}', CAST(:target AS jsonb), '2031-01-01') RETURNING id"
            ),
            {"tenant_id": tenant_id, "target": target},
        )
    return int(row_id)


async def rows(database: Database, columns: str = "metric_type, metric_name, metric_value, data_source") -> list[Any]:
    async with database.begin() as connection:
        return [
            tuple(row)
            for row in await connection.execute(
                text(f"SELECT {columns} FROM monitoring_data ORDER BY timestamp, metric_name")  # noqa: S608 - a test's
            )
        ]


def sample(
    tenant_id: str = "acme", *, time: datetime = MIDNIGHT, source: str = "kubernetes", **values: float
) -> MetricsCollected:
    return MetricsCollected(tenant_id=tenant_id, time=time, values=values or {"available": 1.0}, source=source)


async def test_each_value_becomes_a_row(database: Database) -> None:
    await tenant(database)
    await SampleWriter(database).write(sample(cpu=61.25, available=1.0))
    assert await rows(database) == [
        ("available", "available", Decimal(1), "kubernetes"),
        ("cpu", "cpu", Decimal("61.25"), "kubernetes"),
    ]


async def test_a_sample_is_stored_once_however_often_it_comes(database: Database) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    await asyncio.gather(*(writer.write(sample(cpu=1.0)) for _ in range(20)))
    await SampleWriter(database).write(sample(cpu=2.0))
    assert await rows(database, "metric_value") == [(Decimal(1),)]


async def test_samples_that_come_together_are_written_together(database: Database) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    samples = [sample(time=MIDNIGHT + timedelta(seconds=5 * number), cpu=1.0) for number in range(1200)]
    await asyncio.gather(*(writer.write(each) for each in samples))
    assert len(await rows(database)) == 1200
    async with database.begin() as connection:
        transactions = await connection.scalar(text("SELECT count(DISTINCT xmin::text) FROM monitoring_data"))
    assert transactions <= 4


async def test_another_source_s_values_of_the_same_moment_stand_beside(database: Database) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    await writer.write(sample(cpu=1.0))
    await writer.write(sample(cpu=2.0, source="api"))
    assert sorted(await rows(database, "metric_value, data_source")) == [
        (Decimal(1), "kubernetes"),
        (Decimal(2), "api"),
    ]


async def test_a_sample_of_an_unknown_tenant_is_dropped(database: Database) -> None:
    await SampleWriter(database).write(sample("unknown"))
    assert await rows(database) == []


async def test_what_was_sampled_before_an_id_was_used_again_is_not_the_new_tenant_s(database: Database) -> None:
    await tenant(database)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE tenants SET created_at = :time"), {"time": MIDNIGHT})
    writer = SampleWriter(database)
    await writer.write(sample(time=MIDNIGHT - timedelta(seconds=5)))
    await writer.write(sample(time=MIDNIGHT - timedelta(seconds=5), source="api", cpu=1.0))
    assert await rows(database, "data_source") == [("api",)]


async def test_a_month_without_a_partition_gets_one(database: Database) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    past = datetime(2024, 1, 20, tzinfo=UTC)
    await asyncio.gather(*(writer.write(sample(time=time, source="api")) for time in (MIDNIGHT, past, MIDNIGHT)))
    assert [row[0] for row in await rows(database, "timestamp")] == [past, MIDNIGHT]


async def test_a_day_that_a_partition_of_another_cut_leaves_out_gets_a_partition(database: Database) -> None:
    await tenant(database)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE by_hand PARTITION OF monitoring_data"
                " FOR VALUES FROM ('2023-01-15 00:00+00') TO ('2023-02-15 00:00+00')"
            )
        )
    writer = SampleWriter(database)
    left_out = datetime(2023, 1, 10, tzinfo=UTC)
    await asyncio.gather(*(writer.write(sample(time=time, source="api")) for time in (MIDNIGHT, left_out, MIDNIGHT)))
    assert [row[0] for row in await rows(database, "timestamp")] == [left_out, MIDNIGHT]


async def test_a_time_of_a_day_that_is_cut_is_refused_and_holds_nothing_up(database: Database) -> None:
    await tenant(database)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE half_a_day PARTITION OF monitoring_data"
                " FOR VALUES FROM ('2023-03-15 12:00+00') TO ('2023-04-01 00:00+00')"
            )
        )
    writer = SampleWriter(database)
    left_out = datetime(2023, 3, 15, 11, tzinfo=UTC)
    writes = [writer.write(sample(time=time, source="api")) for time in (MIDNIGHT, left_out, MIDNIGHT)]
    ends = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), InvalidEvent, type(None)]
    assert [row[0] for row in await rows(database, "timestamp")] == [MIDNIGHT]


async def test_every_moment_of_a_list_is_stored_in_months_of_another_cut_too(database: Database) -> None:
    await tenant(database)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE also_by_hand PARTITION OF monitoring_data"
                " FOR VALUES FROM ('2022-05-15 00:00+00') TO ('2022-06-15 00:00+00')"
            )
        )
    times = [datetime(2022, 4, 30, tzinfo=UTC), datetime(2022, 5, 10, tzinfo=UTC), datetime(2022, 5, 20, tzinfo=UTC)]
    earlier = tuple(Moment(time=time, values={"cpu": 1.0, "memory": 2.0}) for time in times)
    late = sample(source="api", cpu=3.0).model_copy(update={"earlier": earlier})
    writer = SampleWriter(database)
    for _ in range(2):
        await writer.write(late)
    assert await rows(database, "timestamp, metric_value") == [
        *((time, Decimal(value)) for time in times for value in (1, 2)),
        (MIDNIGHT, Decimal(3)),
    ]


@pytest.mark.parametrize("count", [10, 400])
async def test_few_and_many_values_are_written_alike(database: Database, count: int) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    samples = [
        sample(time=MIDNIGHT + timedelta(seconds=5 * number), cpu=number / 7, available=1.0) for number in range(count)
    ]
    for _ in range(2):
        await asyncio.gather(*(writer.write(each) for each in samples), writer.write(sample("unknown", cpu=1.0)))
    written = await rows(database, "metric_name, metric_value")
    assert len(written) == 2 * count
    assert [float(value) for name, value in written if name == "cpu"] == pytest.approx([n / 7 for n in range(count)])


async def test_one_sample_that_can_not_be_written_fails_alone(database: Database) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    outcomes = await asyncio.gather(
        writer.write(sample(cpu=1.0)),
        writer.write(sample("a\x00b")),
        writer.write(sample(memory=1.0)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), InvalidEvent, type(None)]
    assert len(await rows(database)) == 2


async def test_of_a_slice_all_is_stored_that_can_be_and_the_rest_is_named(database: Database) -> None:
    await tenant(database)
    await tenant(database, "globex")
    time = slice_start(slice_of(datetime.now(UTC)))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE tenants SET created_at = :time"), {"time": time})
    values = {"cpu": 1.0, "available": 1.0}
    event = MetricsSampled(
        time=time,
        source="kubernetes",
        samples=(
            TenantSample(tenant_id="acme", values=values, services={"callbot": True}),
            TenantSample(tenant_id="bad-name", values={"x" * 51: 1.0}),
            TenantSample(tenant_id="bad\x00id", values=values),
            TenantSample(tenant_id="globex", values=values),
        ),
    )
    delivery: Any = SimpleNamespace(mode=Mode.DEMO)
    for _ in range(2):
        with pytest.raises(InvalidEvent, match=r"the database can't hold it"):
            await store_samples(event, delivery, {Mode.DEMO: SampleWriter(database)})
    fine = event.model_copy(update={"samples": event.samples[:2]})
    with pytest.raises(InvalidEvent, match=r"^bad-name: values\."):
        await store_samples(fine, delivery, {Mode.DEMO: SampleWriter(database)})
    assert [(name, float(value)) for _, name, value, _ in await rows(database)] == [
        ("available", 1.0),
        ("available", 1.0),
        ("cpu", 1.0),
        ("cpu", 1.0),
    ]


async def test_a_cancelled_write_leaves_the_others_of_its_batch_alone(database: Database) -> None:
    await tenant(database)
    writer = SampleWriter(database)
    times = [MIDNIGHT + timedelta(seconds=5 * number) for number in range(10)]
    writes = [asyncio.create_task(writer.write(sample(time=time))) for time in times]
    await asyncio.sleep(0)
    writes[0].cancel()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[1:]] == [type(None)] * 9
    assert {row[0] for row in await rows(database, "timestamp")} >= set(times[1:])


@pytest.mark.parametrize("seed", range(5))
async def test_what_is_folded_in_whatever_order_is_the_history_that_was_observed(database: Database, seed: int) -> None:
    random = Random(seed)
    row_id = await tenant(database)
    await tenant(database, "globex")
    writer, store = SampleWriter(database), AvailabilityStore(database)
    first = slice_of(MIDNIGHT) - 100
    letters = "".join(random.choice("ud?") * random.randint(1, 30) for _ in range(20))
    known = [(first + offset, letter == "u") for offset, letter in enumerate(letters) if letter != "?"]
    random.shuffle(known)
    observed = AvailabilityHistory()
    for number, up in known:
        observed.observe(number, up=up)
    for start in range(0, len(known), 50):
        part = known[start : start + 50]
        await asyncio.gather(*(writer.write(sample(time=slice_start(number), available=up)) for number, up in part))
        await store.fold()
    await writer.write(sample("globex", time=MIDNIGHT, available=0.0))
    await writer.write(sample(time=slice_start(first - 5), available=0.0, source="api"))
    await store.fold()
    histories = await store.histories()
    assert tuple(histories[row_id]) == observed.runs
    assert len(histories) == 2
    assert await store.fold() == 0


async def test_of_two_samples_of_one_slice_the_first_one_stands(database: Database) -> None:
    row_id = await tenant(database)
    writer, store = SampleWriter(database), AvailabilityStore(database)
    for seconds, up in ((0, 1.0), (2, 0.0), (SLICE_SECONDS, 0.0), (SLICE_SECONDS + 1, 1.0)):
        await writer.write(sample(time=MIDNIGHT + timedelta(seconds=seconds), available=up))
    await store.fold()
    number = slice_of(MIDNIGHT)
    assert (await store.services(row_id))[WHOLE] == [Run(number, number + 1, True), Run(number + 1, number + 2, False)]


async def test_each_service_has_its_own_history(database: Database) -> None:
    row_id = await tenant(database)
    event = sample(available=0.0).model_copy(update={"services": {"callbot": False, "tts": True}})
    await SampleWriter(database).write(event)
    store = AvailabilityStore(database)
    await store.fold()
    number = slice_of(MIDNIGHT)
    assert await store.services(row_id) == {
        WHOLE: [Run(number, number + 1, False)],
        "callbot": [Run(number, number + 1, False)],
        "tts": [Run(number, number + 1, True)],
    }


async def test_availability_of_more_than_its_days_ago_is_forgotten_but_for_the_last_time_that_it_was_up(
    database: Database,
) -> None:
    """By the monitor's housekeeping, with its clock far ahead."""
    row_id, other = await tenant(database), await tenant(database, "globex")
    writer, store = SampleWriter(database), AvailabilityStore(database)
    first = slice_of(MIDNIGHT)
    states = ((0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0))
    for offset, up in states:
        await writer.write(sample(time=slice_start(first + offset), available=up))
        await writer.write(sample("globex", time=slice_start(first + offset), available=up))
    later = first + 50 * 17_280
    await writer.write(sample(time=slice_start(later), available=1.0))
    await store.fold()
    await Housekeeping(database, store, days=40, now=lambda: slice_start(first + 60 * 17_280)).run_once()
    wanted = {row_id: [Run(later, later + 1, True)], other: [Run(first + 2, first + 3, True)]}
    assert await store.histories() == wanted


async def test_two_that_fold_at_once_lose_nothing(database: Database) -> None:
    row_id = await tenant(database)
    writer = SampleWriter(database)
    numbers = [slice_of(MIDNIGHT) + offset for offset in range(200)]

    async def write() -> None:
        for number in numbers:
            await writer.write(sample(time=slice_start(number)))

    async def fold(store: AvailabilityStore) -> None:
        while not writing.done():
            await store.fold()
        await store.fold()

    writing = asyncio.create_task(write())
    await asyncio.gather(writing, fold(AvailabilityStore(database)), fold(AvailabilityStore(database)))
    assert await AvailabilityStore(database).histories() == {row_id: [Run(numbers[0], numbers[-1] + 1, True)]}


async def test_a_tenant_that_is_deleted_meanwhile_holds_nothing_up(database: Database) -> None:
    await tenant(database)
    row_id = await tenant(database, "globex")
    writer, store = SampleWriter(database), AvailabilityStore(database)
    await writer.write(sample())
    await writer.write(sample("globex"))
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM tenants WHERE tenant_id = 'acme'"))
    await store.fold()
    assert set(await store.histories()) == {row_id}


@pytest.mark.parametrize(
    ("written", "target", "zone"),
    [
        ('{"availability": "99.95%", "time_zone": "Asia/Seoul"}', "0.9995", "Asia/Seoul"),
        ('{"availability": 99, "time_zone": "Mars/Base"}', "0.99", "UTC"),
        ("{}", "0.995", "UTC"),
        ('["?"]', "0.995", "UTC"),
    ],
)
async def test_a_target_is_read_as_it_was_promised(database: Database, written: str, target: str, zone: str) -> None:
    row_id = await tenant(database, target=written)
    assert await AvailabilityStore(database).objectives() == [
        TenantObjective(row_id, "acme", "Acme", Fraction(target), zone)
    ]


async def test_who_is_expected_to_run_is_deployed_on_that_target_and_neither_stopped_nor_deleted(
    database: Database,
) -> None:
    for number, (status, generation, target) in enumerate(
        [("running", 1, "simulator"), ("running", 2, "kubernetes"), ("stopped", 1, "simulator"), ("running", 0, None)]
    ):
        row_id = await tenant(database, f"tenant-{number}")
        async with database.begin() as connection:
            await connection.execute(
                text("UPDATE tenants SET status = :status, generation = :generation, target = :target WHERE id = :id"),
                {"status": status, "generation": generation, "target": target, "id": row_id},
            )
    assert await AvailabilityStore(database).expected(["simulator"]) == ["tenant-0"]

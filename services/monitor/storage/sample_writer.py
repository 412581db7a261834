"""Writes samples to `monitoring_data`, one row per value; a sample that is delivered again changes nothing.

Samples that arrive while two writes are in progress share the next one: no sample waits for a timer, and batches grow
with the load. Large batches go by COPY into a temporary table, and from there into the partitions. The availability in
the monitor's own samples is also queued for the availability store.

Skipped without an error: samples that are already stored, and samples of tenants that don't exist (any more).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.metric_names import AVAILABLE, KUBERNETES
from services.monitor.storage.availability_store import WHOLE
from shared.database import Database, ensure_partitions
from shared.database.partitions import ensure_day
from shared.errors import DependencyUnavailable, InvalidEvent, TemporaryError
from shared.events import MetricsCollected

_LARGEST_BATCH = 30_000
"""Values in one transaction: a few tenths of a second."""
_WRITES = 2
"""Concurrent writes: one is encoded and sent while the database inserts the other."""
_COPIED = 500
"""Rows from which COPY is faster; for fewer, its two additional round trips cost more."""
# SQLSTATE: the class of invalid data, and the code for a row without a partition.
_BAD_DATA = "22"
_NO_PARTITION = "23514"

_log = structlog.get_logger(__name__)

_COLUMNS = ("tenant", "name", "value", "time", "source")
_STAGE = text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_samples (
        tenant text, name text, value float8, time timestamptz, source text
    ) ON COMMIT DELETE ROWS
""")
# A tenant id can be used again after a deletion: samples older than the tenant's row belong to its predecessor.
_IS_ITS_OWN = f"sample.source <> '{KUBERNETES}' OR tenants.created_at IS NULL OR sample.time >= tenants.created_at"
_INSERT = f"""
    INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value, timestamp, data_source)
    SELECT tenants.id, sample.name, sample.name, sample.value, sample.time, sample.source
    FROM {{samples}} AS sample
    JOIN tenants ON tenants.tenant_id = sample.tenant
    WHERE {_IS_ITS_OWN}
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of ours
_INSERT_STAGED = text(_INSERT.format(samples="staged_samples"))
_INSERT_FEW = text(
    _INSERT.format(
        samples="""unnest(
            CAST(:tenant AS text[]), CAST(:name AS text[]), CAST(:value AS float8[]),
            CAST(:time AS timestamptz[]), CAST(:source AS text[])
        )"""
    ).replace("AS sample\n", "AS sample (tenant, name, value, time, source)\n")
)
_QUEUE = text("""
    INSERT INTO availability_samples (tenant_id, service, time, up)
    SELECT tenants.id, sample.service, sample.time, sample.up
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:service AS text[]), CAST(:time AS timestamptz[]), CAST(:up AS boolean[])
    ) WITH ORDINALITY AS sample (tenant, service, time, up, rank)
    JOIN tenants ON tenants.tenant_id = sample.tenant
    WHERE tenants.created_at IS NULL OR sample.time >= tenants.created_at
    ORDER BY sample.rank
""")


_Row = tuple[str, str, float, datetime, str]
"""The values of `_COLUMNS`."""


class _State(NamedTuple):
    tenant: str
    service: str
    time: datetime
    up: bool


@dataclass(slots=True, eq=False)
class _Entry:
    sample: MetricsCollected
    finished: bool = False
    error: Exception | None = None


class SampleWriter:
    """Writes the samples of one mode's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Entry] = []
        self._writing = asyncio.Semaphore(_WRITES)
        self.late = asyncio.Event()
        """Set when a sample of a past hour was stored: the hour may have been rolled up without it."""

    async def write(self, *samples: MetricsCollected) -> None:
        """Return when all that can be stored of `samples` is committed.

        Raises DependencyUnavailable while the database is unavailable, and InvalidEvent for what it can't hold.
        """
        entries = [_Entry(each) for each in samples]
        self._waiting += entries
        try:
            while not all(each.finished for each in entries):
                async with self._writing:
                    if not all(each.finished for each in entries):
                        await self._write_waiting()
        finally:
            left = {id(each) for each in entries if not each.finished}
            if left:
                self._waiting = [each for each in self._waiting if id(each) not in left]
        errors = [each.error for each in entries if each.error is not None]
        if errors:
            raise next((each for each in errors if not isinstance(each, InvalidEvent)), errors[0])

    async def _write_waiting(self) -> None:
        count = _batch_size(self._waiting)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        try:
            await self._write_batch(batch)
        finally:
            # After a cancellation the batch is unfinished: the next writer includes it.
            self._waiting = [entry for entry in batch if not entry.finished] + self._waiting

    async def _write_batch(self, batch: Sequence[_Entry]) -> None:
        error: Exception | None = None
        try:
            await self._insert([entry.sample for entry in batch])
        except Exception as failure:
            error = failure
        if error is not None and len(batch) > 1 and not isinstance(error, DependencyUnavailable):
            # One invalid sample must not block the others: bisect the batch to find it.
            middle = len(batch) // 2
            await self._write_batch(batch[:middle])
            await self._write_batch(batch[middle:])
            return
        for entry in batch:
            entry.finished, entry.error = True, error

    async def _insert(self, samples: Sequence[MetricsCollected]) -> None:
        try:
            await self._insert_once(samples)
        except (DBAPIError, asyncpg.PostgresError) as error:
            if _sqlstate(error) != _NO_PARTITION:
                _raise_refusal(error)
            await self._insert_into_new_partitions(samples)

    async def _insert_into_new_partitions(self, samples: Sequence[MetricsCollected]) -> None:
        """Insert samples of months whose partition doesn't exist yet, or was dropped."""
        times = (time.astimezone(UTC) for sample in samples for time, _ in _moments(sample))
        months = sorted({time.date().replace(day=1) for time in times})
        async with self._database.begin() as connection:
            for month in months:
                await ensure_partitions(connection, month, months=1)
        try:
            await self._insert_once(samples)
        except (DBAPIError, asyncpg.PostgresError) as error:
            if _sqlstate(error) != _NO_PARTITION or len(samples) > 1:
                _raise_refusal(error)
            if not samples[0].earlier:
                await self._insert_into_new_day(samples[0])
                return
            for each in _split_moments(samples[0]):
                await self._insert([each])

    async def _insert_into_new_day(self, sample: MetricsCollected) -> None:
        """Insert a sample of a month that another partition covers in part, but not on this day."""
        async with self._database.begin() as connection:
            await ensure_day(connection, sample.time.astimezone(UTC).date())
        try:
            await self._insert_once([sample])
        except (DBAPIError, asyncpg.PostgresError) as error:
            if _sqlstate(error) != _NO_PARTITION:
                _raise_refusal(error)
            moment = sample.time.astimezone(UTC)
            reason = (
                f"no partition of monitoring_data covers {moment:%Y-%m-%dT%H:%M}Z, but one covers a part of that day"
            )
            raise InvalidEvent(
                f"time: {reason}; create one by CREATE TABLE ... PARTITION OF monitoring_data"
            ) from error

    async def _insert_once(self, samples: Sequence[MetricsCollected]) -> None:
        rows = [
            (each.tenant_id, name, value, time, each.source)
            for each in samples
            for time, values in _moments(each)
            for name, value in values.items()
        ]
        states = [state for each in samples if each.source == KUBERNETES for state in _states(each)]
        async with self._database.begin() as connection:
            written = await _copy(connection, rows) if len(rows) >= _COPIED else await _insert_few(connection, rows)
            if states:
                await connection.execute(_QUEUE, _by_column(_State._fields, states))
        if written and min(time for each in samples for time, _ in _moments(each)) < _this_hour():
            self.late.set()
        if written < len(rows):
            _log.debug("Skipped duplicate samples, or samples of unknown tenants.", values=len(rows), written=written)


async def _copy(connection: AsyncConnection, rows: Sequence[_Row]) -> int:
    await connection.execute(_STAGE)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_records_to_table("staged_samples", records=rows, columns=list(_COLUMNS))
    return (await connection.execute(_INSERT_STAGED)).rowcount


async def _insert_few(connection: AsyncConnection, rows: Sequence[_Row]) -> int:
    return (await connection.execute(_INSERT_FEW, _by_column(_COLUMNS, rows))).rowcount


def _by_column(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _batch_size(entries: Sequence[_Entry]) -> int:
    """How many of `entries` form the next batch: at least one."""
    values = 0
    for count, entry in enumerate(entries):
        values += sum(len(each) for _, each in _moments(entry.sample))
        if values > _LARGEST_BATCH:
            return max(1, count)
    return len(entries)


def _moments(sample: MetricsCollected) -> Iterator[tuple[datetime, Mapping[str, float]]]:
    """Times and values; without a model for each, since this runs for every stored sample."""
    for each in sample.earlier:
        yield each.time, each.values
    yield sample.time, sample.values


def _split_moments(sample: MetricsCollected) -> Iterator[MetricsCollected]:
    """The moments of a sample as samples of their own; the states of services belong to the last one."""
    for each in sample.earlier:
        yield sample.model_copy(update={"time": each.time, "values": each.values, "earlier": (), "services": {}})
    yield sample.model_copy(update={"earlier": ()})


def _states(sample: MetricsCollected) -> Iterator[_State]:
    available = sample.values.get(AVAILABLE)
    if available is not None:
        yield _State(sample.tenant_id, WHOLE, sample.time, available > 0)
    for service, up in sample.services.items():
        yield _State(sample.tenant_id, service, sample.time, up)


def _this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def _sqlstate(error: Exception) -> str:
    return getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None) or ""


def _raise_refusal(error: Exception) -> None:
    """Raise InvalidEvent for data that the database can't hold, and TemporaryError for any other refusal."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    if _sqlstate(error).startswith(_BAD_DATA):
        raise InvalidEvent(f"the database can't hold it: {reason}") from error
    raise TemporaryError(f"not written: {reason}") from error

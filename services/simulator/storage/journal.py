"""Durability: the objects of all clusters in one PostgreSQL table, written in groups.

The store records each change without waiting. One writer commits the recorded changes together in one transaction.
An API write is answered after its commit; controllers don't wait. Several changes of one object in one group are
written once.

A resourceVersion must never be used twice, or a client that continues a watch from an old one would miss changes.
So the journal reserves versions in advance: the high-water mark in the table is above every version in use, and after
a restart versions continue at the mark.

If the database is unavailable, the process keeps running: changes stay pending, API writes fail after a bounded wait
(`JournalAway`), and the writer reconnects. An advisory lock prevents two simulators from using one database.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import asyncpg
import orjson
import structlog

from shared.kube.objects import Obj, ObjectKey

_log = structlog.get_logger()

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
    cluster text NOT NULL,
    resource text NOT NULL,
    namespace text NOT NULL,
    name text NOT NULL,
    resource_version bigint NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (cluster, resource, namespace, name)
);
CREATE TABLE IF NOT EXISTS high_water (
    cluster text PRIMARY KEY,
    resource_version bigint NOT NULL
);
"""
_UPSERT: Final = """
INSERT INTO objects (cluster, resource, namespace, name, resource_version, body)
SELECT cluster, resource, namespace, name, version, body::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
     AS changed (cluster, resource, namespace, name, version, body)
ON CONFLICT (cluster, resource, namespace, name)
DO UPDATE SET resource_version = excluded.resource_version, body = excluded.body
"""
_DELETE: Final = """
DELETE FROM objects USING unnest($1::text[], $2::text[], $3::text[], $4::text[])
     AS gone (cluster, resource, namespace, name)
WHERE (objects.cluster, objects.resource, objects.namespace, objects.name)
    = (gone.cluster, gone.resource, gone.namespace, gone.name)
"""
_MARK: Final = """
INSERT INTO high_water (cluster, resource_version) VALUES ($1, $2)
ON CONFLICT (cluster) DO UPDATE SET resource_version = greatest(high_water.resource_version, excluded.resource_version)
"""
# Key of the advisory lock; any number that is not used otherwise in this database.
_LOCK: Final = 6360
_RESERVED: Final = 10_000_000
_CHUNK: Final = 500
_STATEMENT_SECONDS: Final = 10.0
_RECONNECT_SECONDS: Final = 0.5
# asyncpg raises InternalClientError when the server closes the connection while a statement is being sent.
_FAILURES: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)

_Row = tuple[str, str, str, str]
Connect = Callable[..., Awaitable[Any]]
"""Opens a connection, as `asyncpg.connect` does."""


class JournalAway(Exception):
    """The database did not answer in time."""


class ClusterJournal:
    """The journal as the store of one cluster uses it."""

    def __init__(self, journal: Journal, cluster: str) -> None:
        self._journal, self._cluster = journal, cluster

    def record(self, resource: str, key: ObjectKey, obj: Obj | None, version: int) -> None:
        """Record a change; `obj` is None for a removal."""
        self._journal.record((self._cluster, resource, *key), obj, version)


class Journal:
    """The database of all clusters. Call `open`, then `load` for each cluster, then `run` until the end."""

    def __init__(
        self, url: str, *, connect: Connect = asyncpg.connect, reconnect_seconds: float = _RECONNECT_SECONDS
    ) -> None:
        """Use the database at `url`; `connect` and the delay between attempts are parameters for tests."""
        self._url = url
        self._connect_database = connect
        self._reconnect_seconds = reconnect_seconds
        self._connection: asyncpg.Connection[Any] | None = None
        self._pending: dict[_Row, tuple[int, Obj | None]] = {}
        self._writing: Mapping[_Row, tuple[int, Obj | None]] = {}  # the group whose transaction runs
        self._marks: dict[str, int] = {}
        self._recorded = 0
        self._durable = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._work = asyncio.Event()
        self._available = asyncio.Event()

    @property
    def is_available(self) -> bool:
        """Whether the latest access to the database succeeded."""
        return self._available.is_set()

    @property
    def backlog(self) -> int:
        """Changes that are not durable yet."""
        return len(self._pending)

    async def open(self) -> None:
        """Connect and create the tables, retrying until it succeeds. Logs each new reason for waiting."""
        told = ""
        while not self._available.is_set():
            why = await self._connect()
            if why and why != told:
                _log.warning(f"Waiting for the simulator's database: {why}", action="journal.waiting")
                told = why
            if why:
                await asyncio.sleep(self._reconnect_seconds)
        if told:
            _log.info("Connected to the simulator's database", action="journal.connected")

    async def _connect(self) -> str:
        """Try to connect once; returns the reason of a failure, or an empty string."""
        connection: asyncpg.Connection[Any] | None = None
        try:
            connection = await self._connect_database(self._url, timeout=5)
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                await connection.close()
                return "another simulator uses it"
            await connection.execute(_SCHEMA)
        except _FAILURES as error:
            if connection is not None:
                connection.terminate()
            return f"{type(error).__name__}: {error}"
        connection.add_termination_listener(self._lost)
        self._connection = connection
        self._available.set()
        return ""

    def _lost(self, connection: object) -> None:
        """Mark the database as unavailable when the connection ends, so that the next write is refused in time."""
        if connection is self._connection:
            self._available.clear()
            self._work.set()

    async def load(self, cluster: str) -> tuple[list[tuple[str, Obj]], int]:
        """A cluster's objects with their resources, and the version to continue above; reserves further versions."""
        connection = self._require()
        rows = await connection.fetch("SELECT resource, body::text AS body FROM objects WHERE cluster = $1", cluster)
        marked = await connection.fetchval("SELECT resource_version FROM high_water WHERE cluster = $1", cluster)
        version = int(marked or 1)
        await connection.execute(_MARK, cluster, version + _RESERVED)
        self._marks[cluster] = version + _RESERVED
        return [(row["resource"], orjson.loads(row["body"])) for row in rows], version

    def for_cluster(self, cluster: str) -> ClusterJournal:
        """The journal for the store of one cluster."""
        return ClusterJournal(self, cluster)

    def record(self, row: _Row, obj: Obj | None, version: int) -> None:
        """Record a change of one object, in the order of versions. Doesn't wait."""
        self._pending[row] = (version, obj)
        self._recorded += 1
        self._work.set()

    async def ready(self, timeout: float) -> None:
        """Return once the database is available. Raises JournalAway after `timeout` seconds."""
        try:
            await asyncio.wait_for(self._available.wait(), timeout)
        except TimeoutError:
            raise JournalAway("the simulator's database is not available") from None

    async def committed(self, timeout: float) -> None:
        """Return once all changes recorded so far are durable. Raises JournalAway after `timeout` seconds."""
        if self._durable >= self._recorded:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._recorded, future))
        try:
            await asyncio.wait_for(future, timeout)
        except TimeoutError:
            message = (
                "the simulator's database did not confirm the change in time; it will be stored once it is available"
            )
            raise JournalAway(message) from None

    async def stored(self, row: _Row, timeout: float) -> None:
        """Return once the last change of one object is durable: at once if it is. Raises JournalAway.

        A write that changes nothing doesn't wait for others: repeated on a slow database it would never end.
        """
        if row in self._pending or row in self._writing:
            await self.committed(timeout)

    async def run(self) -> None:
        """Write recorded changes until cancelled; reconnects after a failure."""
        while True:
            await self._work.wait()
            self._work.clear()
            await self._write_pending()

    async def close(self, timeout: float = 5.0) -> None:
        """Write the remaining changes if the database is available, and disconnect. Cancel `run` before."""
        try:
            async with asyncio.timeout(timeout):
                if self._pending:
                    await self._write_pending()
                if self._connection is not None:
                    await self._connection.close()
        except TimeoutError:
            _log.error("Stopped with unwritten changes", action="journal.left", changes=self.backlog)

    async def _write_pending(self) -> None:
        """Write one group and wake its waiters. A failed group becomes pending again; newer changes replace its own."""
        upto, batch, self._pending = self._recorded, self._pending, {}
        self._writing = batch
        try:
            await self._write(batch)
        except asyncio.CancelledError:
            self._pending = {**batch, **self._pending}
            raise
        except _FAILURES as error:
            self._pending = {**batch, **self._pending}
            self._work.set()
            await self._reconnect(f"{type(error).__name__}: {error}")
            return
        finally:
            self._writing = {}
        self._durable = upto
        while self._waiting and self._waiting[0][0] <= upto:
            future = self._waiting.popleft()[1]
            if not future.done():
                future.set_result(None)

    async def _write(self, batch: Mapping[_Row, tuple[int, Obj | None]]) -> None:
        rows = list(batch.items())
        marks = self._outgrown(batch)
        # asyncpg's transaction block isn't used: its exit would wait without limit for a server that hangs. After a
        # failure the connection is dropped, and the transaction with it.
        await self._execute("BEGIN")
        for cluster, mark in marks.items():
            await self._execute(_MARK, cluster, mark)
        for start in range(0, len(rows), _CHUNK):
            await self._write_chunk(rows[start : start + _CHUNK])
        await self._execute("COMMIT")
        self._marks.update(marks)

    async def _write_chunk(self, rows: list[tuple[_Row, tuple[int, Obj | None]]]) -> None:
        kept = [(*row, version, orjson.dumps(obj).decode()) for row, (version, obj) in rows if obj is not None]
        gone = [row for row, (_, obj) in rows if obj is None]
        if kept:
            await self._execute(_UPSERT, *map(list, zip(*kept, strict=True)))
        if gone:
            await self._execute(_DELETE, *map(list, zip(*gone, strict=True)))

    async def _execute(self, statement: str, *values: Any) -> None:
        """One statement, within a time of its own.

        One time for all of a group would be too short for a large group: it would fail, and be larger the next time.
        """
        async with asyncio.timeout(_STATEMENT_SECONDS):
            await self._require().execute(statement, *values)

    def _outgrown(self, batch: Mapping[_Row, tuple[int, Obj | None]]) -> dict[str, int]:
        """New marks for clusters that used half of their reserved versions."""
        highest: dict[str, int] = {}
        for row, (version, _) in batch.items():
            highest[row[0]] = max(version, highest.get(row[0], 0))
        return {
            cluster: version + _RESERVED
            for cluster, version in highest.items()
            if version > self._marks.get(cluster, 0) - _RESERVED // 2
        }

    async def _reconnect(self, why: str) -> None:
        self._available.clear()
        lost, self._connection = self._connection, None
        if lost is not None:
            lost.terminate()
        _log.warning(f"Lost the simulator's database: {why}", action="journal.away", changes=self.backlog)
        await self.open()
        _log.info("Reconnected to the simulator's database", action="journal.back", changes=self.backlog)

    def _require(self) -> asyncpg.Connection[Any]:
        if self._connection is None:
            raise asyncpg.InterfaceError("not connected")
        return self._connection

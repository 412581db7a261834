"""The connections: a pool for each mode, and single sessions for what must not share one."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from shared.database.direct import DirectConnections
from shared.database.failures import CODE, Unwritable, translating
from shared.database.settings import DatabaseSettings
from shared.errors import DependencyUnavailable, Overloaded
from shared.subjects import Mode

# A client whose machine has vanished would keep its advisory lock for hours, by Linux' own default.
_KEEPALIVES = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Otherwise a session that waits for a lock doesn't notice its client's end, and keeps one of the connections.
    "client_connection_check_interval": "5s",
}

SCHEMA_REVISION = "0019"
"""The migration that this code needs at least; a test shows that it is the latest one."""


_ALIVE_FOR = 1.0
"""Seconds that an answer counts while callers find the pool empty."""


class Database:
    """The database of one mode. `name` is what logs and errors call it."""

    def __init__(
        self, mode: Mode, settings: DatabaseSettings, application: str, *, pool_size: int | None = None
    ) -> None:
        """`pool_size` is another one than the settings'."""
        self.name = f"PostgreSQL ({mode})"
        self._mode = mode
        self._settings = settings
        self.audit_days = settings.audit_days
        """Days that the audit trail is kept; the upgrade writes them into the database."""
        self._application = f"ecp-{application}"
        self.engine = create_async_engine(
            # The URL goes to asyncpg as it stands, because that knows libpq's parameters such as `sslmode`.
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size or settings.database_pool_size,
            max_overflow=0,
            pool_timeout=settings.database_connect_timeout,
            # They may be secret, and end up in logs with the exception that they caused.
            hide_parameters=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        event.listen(self.engine.sync_engine, "checkout", _pass_over_closed)
        self._direct = DirectConnections(self._connect)
        self.unwritable: tuple[float, Unwritable] | None = None
        """The last write that failed for want of a disk or the like, and when (monotonic)."""
        self._answering: asyncio.Task[None] | None = None
        self._answered_at = -_ALIVE_FOR

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back at an exception.

        Raises DependencyUnavailable if it can't be, as Overloaded where PostgreSQL works and has no connection left.
        """
        try:
            with self._noticing_unwritable(), translating(self.name):
                async with self.engine.begin() as connection:
                    yield connection
        except Overloaded:
            await self._tell_busy_from_away()
            raise

    async def fetch_row(self, statement: str, *values: Any) -> asyncpg.Record | None:
        """The first row of a single statement, which is committed, past SQLAlchemy (`shared.database.direct`).

        Raises DependencyUnavailable.
        """
        with self._noticing_unwritable(), translating(self.name):
            return await self._direct.fetch_row(statement, *values)

    @contextmanager
    def _noticing_unwritable(self) -> Iterator[None]:
        try:
            yield
        except Unwritable as error:
            self.unwritable = (time.monotonic(), error)
            raise

    @asynccontextmanager
    async def session(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection outside of the pool, closed at the end: advisory locks and LISTEN belong to a session."""
        with translating(self.name):
            connection = await self._connect()
            try:
                yield connection
            finally:
                # Not `close`: it waits for an answer, which a server that hangs doesn't give.
                connection.terminate()

    async def check(self) -> None:
        """Raise DependencyUnavailable unless it answers and has the tables that this code needs."""
        async with self.begin() as connection:
            found = str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
        if found < SCHEMA_REVISION:
            advice = f"its tables are of revision {found}, older than {SCHEMA_REVISION}"
            raise DependencyUnavailable(self.name, f"{advice}; run `python -m shared.database upgrade`", code=CODE)

    async def answers(self) -> None:
        """Raise DependencyUnavailable unless it accepts connections."""
        async with self.session() as session:
            await session.execute("SELECT 1")

    async def _tell_busy_from_away(self) -> None:
        """Raise DependencyUnavailable if the connections are all in use because PostgreSQL doesn't answer on them.

        One question for all callers, and its answer counts for a second: else overload would make more of it.
        """
        if time.monotonic() - self._answered_at < _ALIVE_FOR:
            return
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self.answers())
            self._answering.add_done_callback(_retrieve)
        await asyncio.shield(self._answering)
        self._answered_at = time.monotonic()

    async def dispose(self) -> None:
        """Close the connections."""
        self._direct.close()
        await self.engine.dispose()

    async def _connect(self) -> asyncpg.Connection:
        # The URL of now: a password that has been rotated counts from the next connection on.
        return await asyncpg.connect(
            self._settings.postgres_url(self._mode),
            timeout=self._settings.database_connect_timeout,
            command_timeout=self._settings.database_command_timeout,
            server_settings={"application_name": self._application, "timezone": "UTC", **_KEEPALIVES},
        )


def _retrieve(task: asyncio.Task[None]) -> None:
    """The caller may be gone, and an exception that is never retrieved would be logged."""
    if not task.cancelled():
        task.exception()


def _pass_over_closed(connection: Any, *_: Any) -> None:
    """Let the pool replace a connection that PostgreSQL has closed, as a restart does; else each would fail once.

    The driver has noticed by itself. To ask the server, as `pool_pre_ping` does, takes three round trips a transaction.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


class Databases:
    """Both databases: `databases[Mode.DEMO]`."""

    def __init__(self, settings: DatabaseSettings, application: str, *, pool_size: int | None = None) -> None:
        """`pool_size` is another one than the settings'."""
        self._databases = {mode: Database(mode, settings, application, pool_size=pool_size) for mode in Mode}

    def __getitem__(self, mode: Mode) -> Database:
        return self._databases[mode]

    async def dispose(self) -> None:
        """Close both pools."""
        for database in self._databases.values():
            await database.dispose()

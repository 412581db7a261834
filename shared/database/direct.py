"""Connections for single statements past SQLAlchemy: each statement is a transaction of its own.

For the few statements that are executed for each event of a flood. A round trip takes a quarter of the CPU time that
SQLAlchemy needs to execute a statement, and there is no BEGIN and COMMIT. The price: SQL as text with `$1`, and values
as asyncpg takes them, so that JSON is a text.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

MOST_CONNECTIONS = 2
"""Of a process to one database. They are made when they are needed."""


class DirectConnections:
    """The connections to one database. Errors are the driver's."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._free: list[asyncpg.Connection] = []
        self._turns = asyncio.Semaphore(MOST_CONNECTIONS)

    async def fetch_row(self, statement: str, *values: Any) -> asyncpg.Record | None:
        """Execute a statement and return its first row, or None."""
        async with self._turns:
            connection = await self._take()
            try:
                row = await connection.fetchrow(statement, *values)
            except asyncpg.PostgresError:
                self._free.append(connection)
                raise
            except BaseException:
                # Cancelled, or the connection is broken: what it will answer belongs to this statement.
                connection.terminate()
                raise
            self._free.append(connection)
            return row

    def close(self) -> None:
        """Close those that aren't in use."""
        while self._free:
            self._free.pop().terminate()

    async def _take(self) -> asyncpg.Connection:
        """A free connection that PostgreSQL hasn't closed, as a restart does, or a new one."""
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

"""Limits the database queries of sockets that are being opened: separate connections, and a bounded wait for them.

Many sockets open at the same time, as after a restart, when every page reconnects. REST calls don't wait for them,
because sockets have a connection pool of their own, and PostgreSQL gets no more queries at once than that pool has
connections.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import Database
from shared.errors import Overloaded

_LONGEST_WAIT = 10.0


class SnapshotReader:
    """Transactions for sockets, on the database of one mode."""

    def __init__(self, database: Database, at_once: int, *, longest_wait: float = _LONGEST_WAIT) -> None:
        """`database` has `at_once` connections; `longest_wait` is in seconds."""
        self._database = database
        self._turns = asyncio.Semaphore(at_once)
        self._longest_wait = longest_wait

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, when it is this socket's turn. Raises DependencyUnavailable, or Overloaded after a timeout."""
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Overloaded("sockets", "too many are opening at once") from error
        try:
            async with self._database.begin() as connection:
                yield connection
        finally:
            self._turns.release()

"""The first reading of a socket: from a pool of its own, a few at once, and the rest in a line with a bounded wait.

Sockets come in crowds, as after a restart, when every open page connects again. REST never waits for them, since it
shares no connection with them, and PostgreSQL sees as many readings at once as the pool has connections.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import Database
from shared.errors import Overloaded

_LONGEST_WAIT = 10.0


class Snapshots:
    """The database of one mode, as sockets may use it."""

    def __init__(self, database: Database, at_once: int, *, longest_wait: float = _LONGEST_WAIT) -> None:
        """`database` has `at_once` connections; `longest_wait` is in seconds."""
        self._database = database
        self._turns = asyncio.Semaphore(at_once)
        self._longest_wait = longest_wait

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, as soon as it is this socket's turn. Raises DependencyUnavailable, or Overloaded."""
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

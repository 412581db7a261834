"""Rows of an outbox."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import asyncpg
import orjson
from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus import Encoded


class UnpublishedEvent(NamedTuple):
    """An event that NATS hasn't acknowledged yet."""

    id: int
    event: Encoded


class Outbox:
    """A table with the columns id, subject, body and headers, whose trigger notifies the channel of its name."""

    def __init__(self, table: Table, lock: int) -> None:
        """`lock` is the advisory lock of the session that publishes."""
        self.channel = table.name
        self._lock = lock
        self._insert = insert(table)
        self._oldest = f"SELECT id, subject, body, headers FROM {table.name} ORDER BY id LIMIT $1"  # noqa: S608
        self._remove = f"DELETE FROM {table.name} WHERE id = ANY($1)"  # noqa: S608

    async def add(self, connection: AsyncConnection, events: Iterable[Encoded]) -> None:
        """Insert events in this transaction."""
        rows = [{"subject": each.subject, "body": each.body, "headers": each.headers} for each in events]
        if rows:
            await connection.execute(self._insert, rows)

    async def try_lock(self, session: asyncpg.Connection) -> bool:
        """Take the publisher's lock for this session, until it ends; False if another session has it."""
        return bool(await session.fetchval("SELECT pg_try_advisory_lock($1)", self._lock))

    async def oldest(self, session: asyncpg.Connection, limit: int) -> Sequence[UnpublishedEvent]:
        """The oldest `limit` unpublished events."""
        return [
            UnpublishedEvent(row["id"], Encoded(row["subject"], row["body"], orjson.loads(row["headers"])))
            for row in await session.fetch(self._oldest, limit)
        ]

    async def remove(self, session: asyncpg.Connection, ids: Sequence[int]) -> None:
        """Delete events that NATS has acknowledged."""
        await session.execute(self._remove, ids)

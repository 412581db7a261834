"""Rows of `outbox`."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import asyncpg
import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus import Encoded
from shared.bus.envelope import TENANT_ID
from shared.database.tables import outbox

CHANNEL = "outbox"
"""The channel that a trigger notifies after an insert."""
DRAINER_LOCK = 0x6563_7010
"""The advisory lock of the session that publishes."""

_INSERT = insert(outbox)


class UnpublishedEvent(NamedTuple):
    """An event that NATS hasn't acknowledged yet."""

    id: int
    event: Encoded


class OutboxBacklog(NamedTuple):
    """The number of unpublished events, and the age of the oldest in seconds."""

    events: int
    age: float


async def add_events(connection: AsyncConnection, events: Iterable[Encoded]) -> None:
    """Insert events in this transaction."""
    rows = [{"subject": each.subject, "body": each.body, "headers": each.headers} for each in events]
    if rows:
        await connection.execute(_INSERT, rows)


async def try_lock(session: asyncpg.Connection) -> bool:
    """Take the publisher's lock for this session, until it ends; False if another session has it."""
    return bool(await session.fetchval("SELECT pg_try_advisory_lock($1)", DRAINER_LOCK))


async def oldest_events(session: asyncpg.Connection, limit: int) -> Sequence[UnpublishedEvent]:
    """The oldest `limit` unpublished events."""
    rows = await session.fetch("SELECT id, subject, body, headers FROM outbox ORDER BY id LIMIT $1", limit)
    return [
        UnpublishedEvent(row["id"], Encoded(row["subject"], row["body"], orjson.loads(row["headers"]))) for row in rows
    ]


async def remove(session: asyncpg.Connection, ids: Sequence[int]) -> None:
    """Delete events that NATS has acknowledged."""
    await session.execute("DELETE FROM outbox WHERE id = ANY($1)", ids)


async def backlog(session: asyncpg.Connection) -> OutboxBacklog:
    """How many events are unpublished, and for how long."""
    row = await session.fetchrow(
        "SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age FROM outbox"
    )
    return OutboxBacklog(row["count"], float(row["age"])) if row else OutboxBacklog(0, 0.0)


async def unpublished_seconds(connection: AsyncConnection, tenant_id: str) -> float:
    """Age in seconds of a tenant's oldest unpublished event; 0 without one."""
    oldest = select(func.min(outbox.c.created_at)).where(outbox.c.headers[TENANT_ID].astext == tenant_id)
    since = func.extract("epoch", func.now() - oldest.scalar_subquery())
    return float(await connection.scalar(select(func.coalesce(since, 0))) or 0)

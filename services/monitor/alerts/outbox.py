"""Events of the monitor on their way to NATS: written with a transaction, published after it by the drainer."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg
import orjson
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus import Encoded, encode
from shared.database.tables import monitor_outbox
from shared.events import Event
from shared.subjects import Mode

SERVICE = "monitor"
CHANNEL = "monitor_outbox"
"""The channel that a trigger notifies after an insert."""
_LOCK = 0x6563_7011
"""The advisory lock of the session that publishes."""
_INSERT = insert(monitor_outbox)


class UnpublishedEvent(NamedTuple):
    """An event that NATS hasn't acknowledged yet."""

    id: int
    event: Encoded


async def add_events(connection: AsyncConnection, mode: Mode, events: Sequence[Event], ids: Sequence[str]) -> None:
    """Add events to the transaction. `ids` are their ids, which NATS also drops duplicates by."""
    encoded = [
        encode(event, mode=mode, event_id=event_id, correlation_id=event_id, source=SERVICE)
        for event, event_id in zip(events, ids, strict=True)
    ]
    if encoded:
        rows = [{"subject": each.subject, "body": each.body, "headers": each.headers} for each in encoded]
        await connection.execute(_INSERT, rows)


async def try_lock(session: asyncpg.Connection) -> bool:
    """Take the publisher's lock for this session, until it ends; False if another session has it."""
    return bool(await session.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))


async def oldest_events(session: asyncpg.Connection, limit: int) -> Sequence[UnpublishedEvent]:
    """The oldest `limit` unpublished events."""
    rows = await session.fetch("SELECT id, subject, body, headers FROM monitor_outbox ORDER BY id LIMIT $1", limit)
    return [
        UnpublishedEvent(row["id"], Encoded(row["subject"], row["body"], orjson.loads(row["headers"]))) for row in rows
    ]


async def remove(session: asyncpg.Connection, ids: Sequence[int]) -> None:
    """Delete events that NATS has acknowledged."""
    await session.execute("DELETE FROM monitor_outbox WHERE id = ANY($1)", ids)

"""Rows of `outbox` and `idempotency_keys`."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import asyncpg
import orjson
from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus import Encoded
from shared.bus.envelope import TENANT_ID
from shared.database.tables import idempotency_keys, outbox

CHANNEL = "outbox"
"""What a trigger notifies when the outbox is filled."""
EVENT_SCOPE = "event "
"""What the scope of a key begins with that is an event's and no call's."""
_DAYS_OF_EVENTS = 8
"""Longer than a stream keeps an event, which can be delivered again for as long."""
DRAINER_LOCK = 0x6563_7010
"""The advisory lock of the one who empties it."""


_INSERT = insert(outbox)


class Waiting(NamedTuple):
    """An event that NATS hasn't acknowledged yet."""

    id: int
    event: Encoded


class Backlog(NamedTuple):
    """How much waits, and how long the oldest has waited, in seconds."""

    events: int
    age: float


class FirstAnswer(NamedTuple):
    """What a key was used for, and what was answered."""

    fingerprint: str
    answer: dict[str, Any] | None


async def add_events(connection: AsyncConnection, events: Iterable[Encoded]) -> None:
    """Make events a part of this transaction."""
    rows = [{"subject": each.subject, "body": each.body, "headers": each.headers} for each in events]
    if rows:
        await connection.execute(_INSERT, rows)


async def try_lead(session: asyncpg.Connection) -> bool:
    """Whether this session is now the one that drains. It stays so until the session ends."""
    return bool(await session.fetchval("SELECT pg_try_advisory_lock($1)", DRAINER_LOCK))


async def next_waiting(session: asyncpg.Connection, limit: int) -> Sequence[Waiting]:
    """The oldest `limit` events."""
    rows = await session.fetch("SELECT id, subject, body, headers FROM outbox ORDER BY id LIMIT $1", limit)
    return [Waiting(row["id"], Encoded(row["subject"], row["body"], orjson.loads(row["headers"]))) for row in rows]


async def remove(session: asyncpg.Connection, ids: Sequence[int]) -> None:
    """Forget what NATS has."""
    await session.execute("DELETE FROM outbox WHERE id = ANY($1)", ids)


async def backlog(session: asyncpg.Connection) -> Backlog:
    row = await session.fetchrow(
        "SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age FROM outbox"
    )
    return Backlog(row["count"], float(row["age"])) if row else Backlog(0, 0.0)


async def unsent_for(connection: AsyncConnection, tenant_id: str) -> float:
    """Seconds that the oldest event of a tenant has waited for NATS; 0 if none does."""
    oldest = select(func.min(outbox.c.created_at)).where(outbox.c.headers[TENANT_ID].astext == tenant_id)
    since = func.extract("epoch", func.now() - oldest.scalar_subquery())
    return float(await connection.scalar(select(func.coalesce(since, 0))) or 0)


async def find_answer(connection: AsyncConnection, scope: str, key: str) -> FirstAnswer | None:
    """The first answer to `key`, or None if it is new."""
    columns = idempotency_keys.c
    query = select(columns.fingerprint, columns.answer).where(columns.scope == scope, columns.key == key)
    row = (await connection.execute(query)).one_or_none()
    return FirstAnswer(row.fingerprint, row.answer) if row is not None else None


async def claim_key(connection: AsyncConnection, scope: str, key: str, fingerprint: str) -> bool:
    """Take `key` for this transaction; False if somebody has it. Waits for whoever is about to take it."""
    statement = (
        upsert(idempotency_keys)
        .values(scope=scope, key=key, fingerprint=fingerprint)
        .on_conflict_do_nothing()
        .returning(idempotency_keys.c.key)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def keep_answer(connection: AsyncConnection, scope: str, key: str, answer: dict[str, Any]) -> None:
    """Store what was answered to a key that this transaction has claimed."""
    columns = idempotency_keys.c
    await connection.execute(
        update(idempotency_keys).where(columns.scope == scope, columns.key == key).values(answer=answer)
    )


async def forget_keys(connection: AsyncConnection, hours: int) -> None:
    """Remove keys of calls that are older than `hours`, and of events that no stream has any more."""
    columns = idempotency_keys.c
    is_event = columns.scope.startswith(EVENT_SCOPE)
    kept = case((is_event, func.make_interval(0, 0, 0, _DAYS_OF_EVENTS)), else_=func.make_interval(0, 0, 0, 0, hours))
    await connection.execute(delete(idempotency_keys).where(columns.created_at < func.now() - kept))

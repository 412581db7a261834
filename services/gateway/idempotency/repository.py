"""Rows of `idempotency_keys`."""

from typing import Any, NamedTuple

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import idempotency_keys

EVENT_SCOPE = "event "
"""Scope prefix of keys that are derived from events."""
_DAYS_OF_EVENTS = 8
"""Longer than a stream keeps an event, which may be delivered again that long."""


class FirstAnswer(NamedTuple):
    """The first call with a key: the digest of its body, and its answer."""

    fingerprint: str
    answer: dict[str, Any] | None


async def find_answer(connection: AsyncConnection, scope: str, key: str) -> FirstAnswer | None:
    """The first answer to `key`, or None if the key is new."""
    columns = idempotency_keys.c
    query = select(columns.fingerprint, columns.answer).where(columns.scope == scope, columns.key == key)
    row = (await connection.execute(query)).one_or_none()
    return FirstAnswer(row.fingerprint, row.answer) if row is not None else None


async def claim_key(connection: AsyncConnection, scope: str, key: str, fingerprint: str) -> bool:
    """Claim `key` for this transaction; False if another call has it. Waits for a transaction that is claiming it."""
    statement = (
        upsert(idempotency_keys)
        .values(scope=scope, key=key, fingerprint=fingerprint)
        .on_conflict_do_nothing()
        .returning(idempotency_keys.c.key)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def keep_answer(connection: AsyncConnection, scope: str, key: str, answer: dict[str, Any]) -> None:
    """Store the answer to a key that this transaction has claimed."""
    columns = idempotency_keys.c
    await connection.execute(
        update(idempotency_keys).where(columns.scope == scope, columns.key == key).values(answer=answer)
    )


async def delete_old_keys(connection: AsyncConnection, hours: int) -> None:
    """Delete keys of calls that are older than `hours`, and of events that no stream has any more."""
    columns = idempotency_keys.c
    is_event = columns.scope.startswith(EVENT_SCOPE)
    kept = case((is_event, func.make_interval(0, 0, 0, _DAYS_OF_EVENTS)), else_=func.make_interval(0, 0, 0, 0, hours))
    await connection.execute(delete(idempotency_keys).where(columns.created_at < func.now() - kept))

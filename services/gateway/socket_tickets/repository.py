"""Rows of `socket_tickets`. A ticket is stored as its SHA-256, so that a copy of the table opens nothing."""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import socket_tickets

_C = socket_tickets.c
_LIFETIME = func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds"))
_OPEN = (
    select(func.count())
    .select_from(socket_tickets)
    .where(_C.subject == bindparam("subject"), _C.expires_at > func.now())
    .scalar_subquery()
)
_ADD = (
    insert(socket_tickets)
    .from_select(
        ["digest", "subject", "caller", "expires_at"],
        select(
            bindparam("digest", type_=_C.digest.type),
            bindparam("subject", type_=_C.subject.type),
            bindparam("caller", type_=JSONB),
            func.now() + _LIFETIME,
        ).where(bindparam("most") > _OPEN),
    )
    .returning(_C.expires_at)
)
_USE = (
    delete(socket_tickets)
    .where(_C.digest == bindparam("digest"))
    .returning(_C.caller, (_C.expires_at > func.now()).label("is_valid"))
)
_ENDED = select(_C.digest).where(_C.expires_at <= func.now()).limit(literal(100)).with_for_update(skip_locked=True)


async def add(
    connection: AsyncConnection, digest: bytes, subject: str, caller: dict[str, Any], *, seconds: int, most: int
) -> Any:
    """Store a ticket; when it ends, or None if `subject` has `most` unused ones."""
    await connection.execute(delete(socket_tickets).where(_C.digest.in_(_ENDED)))
    values = {"digest": digest, "subject": subject, "caller": caller, "seconds": seconds, "most": most}
    return await connection.scalar(_ADD, values)


async def use(connection: AsyncConnection, digest: bytes) -> dict[str, Any] | None:
    """Remove a ticket; its caller, or None if there is none, or it has ended. Of two that use it, one gets it."""
    row = (await connection.execute(_USE, {"digest": digest})).one_or_none()
    return row.caller if row is not None and row.is_valid else None

"""Rows of `api_keys`. A secret is never stored, only its SHA-256 (`key_text`)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.keys.key_record import KeyRecord
from shared.database.tables import api_keys
from shared.identity.caller import Role

_LOCK = 0x6563_700B
"""Advisory lock of those who add a key: its number is bounded, and the first one is made once."""
_C = api_keys.c
_SHOWN = (
    _C.key_id,
    _C.name,
    _C.role,
    _C.tenants,
    _C.created_at,
    _C.created_by,
    _C.expires_at,
    _C.last_used_at,
    _C.previous_until,
)
"""What may leave: no digest."""
KeyRow = Row[*tuple[Any, ...]]
_FIND = select(_C.key_id, _C.digest, _C.role, _C.tenants, _C.expires_at, _C.previous_digest, _C.previous_until).where(
    _C.key_id == bindparam("sought")
)
_NOTE_USE = (
    update(api_keys)
    .where(_C.key_id == bindparam("sought"), or_(_C.last_used_at.is_(None), _C.last_used_at < bindparam("used_at")))
    .values(last_used_at=bindparam("used_at"))
)


async def lock(connection: AsyncConnection) -> None:
    """Wait for others that add a key, until the end of this transaction."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def count(connection: AsyncConnection) -> int:
    """The number of keys, expired ones too."""
    return int(await connection.scalar(select(func.count()).select_from(api_keys)) or 0)


async def has_administrator(connection: AsyncConnection) -> bool:
    """Whether an administrator's key exists that hasn't expired."""
    found = select(_C.key_id).where(_C.role == Role.ADMIN.value, _C.expires_at > func.now()).limit(1)
    return await connection.scalar(found) is not None


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> KeyRow:
    """Store a key; what may be shown of it."""
    return (await connection.execute(insert(api_keys).values(**values).returning(*_SHOWN))).one()


async def list_keys(connection: AsyncConnection) -> Sequence[KeyRow]:
    """All keys, the newest first, without what proves them."""
    return (await connection.execute(select(*_SHOWN).order_by(_C.created_at.desc(), _C.key_id))).all()


async def find(connection: AsyncConnection, key_id: str) -> KeyRecord | None:
    """A key with the digests of its secrets."""
    row = (await connection.execute(_FIND, {"sought": key_id})).one_or_none()
    if row is None:
        return None
    tenants = None if row.tenants is None else frozenset(row.tenants)
    return KeyRecord(
        row.key_id, row.digest, Role(row.role), tenants, row.expires_at, row.previous_digest, row.previous_until
    )


async def rotate(connection: AsyncConnection, key_id: str, digest: bytes, previous_until: datetime) -> KeyRow | None:
    """Give a key another secret; what may be shown of it, None if there is none. A still older secret ends at once."""
    changed = (
        update(api_keys)
        .where(_C.key_id == key_id)
        .values(digest=digest, previous_digest=_C.digest, previous_until=previous_until)
        .returning(*_SHOWN)
    )
    return (await connection.execute(changed)).one_or_none()


async def remove(connection: AsyncConnection, key_id: str) -> KeyRow | None:
    """Delete a key; what was shown of it, None if there is none."""
    return (await connection.execute(delete(api_keys).where(_C.key_id == key_id).returning(*_SHOWN))).one_or_none()


async def note_uses(connection: AsyncConnection, uses: Collection[tuple[str, datetime]]) -> None:
    """Store when keys were used last. In the order of ids, so that two gateways don't wait for each other in a ring."""
    await connection.execute(_NOTE_USE, [{"sought": key_id, "used_at": used} for key_id, used in sorted(uses)])

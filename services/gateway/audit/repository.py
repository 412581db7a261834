"""Rows of `audit_events`: they are only added and read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.entries import storable
from shared.database.tables import audit_events, audit_seals

_INSERT = insert(audit_events)


async def insert_events(connection: AsyncConnection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows; each has the same columns."""
    values = [storable(row) for row in rows]
    if values:
        # A list of one row would take the round trips of many.
        await connection.execute(_INSERT, values if len(values) > 1 else values[0])


async def list_events(
    connection: AsyncConnection, filters: Sequence[ColumnElement[bool]], before: int | None, most: int
) -> Sequence[RowMapping]:
    """Rows that pass the filters, the latest first, with their seal. `before` is the id of the last one shown."""
    events, seals = audit_events.c, audit_seals.c
    query = (
        select(audit_events, seals.position, seals.digest)
        .join_from(audit_events, audit_seals, seals.event_id == events.id, isouter=True)
        .where(*filters, *([events.id < before] if before is not None else []))
        .order_by(events.id.desc())
        .limit(most)
    )
    return (await connection.execute(query)).mappings().all()

"""Reads the audit trail for its export and for its check, and calls the functions that seal and remove rows.

A page is a transaction of its own, so that a slow reader holds nothing, and the memory needed is that of a page.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.lines import Line, event_line, missing_line, time_text
from shared.database.connection import Database
from shared.database.tables import audit_chain, audit_events, audit_seals, audit_unsealed
from shared.errors import TemporaryError

LOCK = 0x6563_7006
"""The advisory lock of the functions: one sealer at a time. The migration has the same number."""
_PAGE = 500
_WINDOW = 20_000
"""Rows of which one statement finds those without a seal: about 0.1 s."""
_LOWEST_ID = -(2**63)
"""Rows that are inserted by hand may have any id."""
_REMOVED_AT_ONCE = 10_000
_MOST_LOST = 100
_SEAL = text("SELECT seal_audit(:most)")
_REMOVE = text("SELECT remove_old_audit(:most)")
_OWNER = text("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'audit_events'::regclass")
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_KEEP = text(
    "WITH changed AS (UPDATE audit_chain AS new SET keep_days = :days FROM audit_chain AS old"
    " WHERE new.keep_days <> :days RETURNING old.keep_days AS days)"
    " INSERT INTO audit_events (operation, outcome, subject, kind, request_id, before, after)"
    " SELECT 'changeAuditRetention', 'done', 'upgrade', 'system', 'upgrade',"
    " format('{\"keep_days\":%s}', days), format('{\"keep_days\":%s}', CAST(:days AS integer)) FROM changed"
)

Filters = Sequence[ColumnElement[bool]]


async def seal(connection: AsyncConnection, most: int) -> int:
    """Seal up to `most` rows that wait; how many were. 0 also while another process seals."""
    return int(await connection.scalar(_SEAL, {"most": most}) or 0)


async def remove_old(connection: AsyncConnection) -> int:
    """Remove some of the rows that are older than the days to keep; how many were. 0: none is left, or another runs."""
    return int(await connection.scalar(_REMOVE, {"most": _REMOVED_AT_ONCE}) or 0)


async def keep(connection: AsyncConnection, days: int) -> None:
    """Set how long rows are kept; a change is recorded in the trail. Needs the owner's rights."""
    await connection.execute(_KEEP, {"days": days})


async def trail_of(connection: AsyncConnection, mode: str, *, is_filtered: bool = False) -> Line:
    """The first line of an export: where the chain begins and ends, and what the queue has lost."""
    chain = (await connection.execute(select(audit_chain, func.clock_timestamp().label("now")))).mappings().one()
    lost = select(audit_unsealed.c.event_id).where(~exists().where(audit_events.c.id == audit_unsealed.c.event_id))
    found = (await connection.execute(lost.order_by(audit_unsealed.c.event_id).limit(_MOST_LOST))).scalars()
    return {
        "type": "trail",
        "mode": mode,
        "head": {"position": chain["position"], "digest": chain["digest"].hex()},
        "anchor": chain["anchor"],
        "keep_days": chain["keep_days"],
        "owner": await connection.scalar(_OWNER),
        "lost": list(found),
        "filtered": is_filtered,
        "exported_at": time_text(chain["now"]),
    }


async def export(database: Database, mode: str, filters: Filters = ()) -> AsyncIterator[Line]:
    """The lines of the trail (`shared.audit.lines`), or of those rows that pass the filters.

    Rows that were inserted past the queue come last, and only without filters: they are for the check.
    Raises TemporaryError if retention removes rows that were not read yet; DependencyUnavailable.
    """
    async with database.begin() as connection:
        trail = await trail_of(connection, mode, is_filtered=bool(filters))
    yield trail
    position, is_last = int(trail["anchor"]) - 1, False
    while not is_last:
        async with database.begin() as connection:
            # One snapshot, so that a row which is sealed meanwhile is in one of the two lists.
            await connection.execute(_SNAPSHOT)
            await _check_anchor(connection, max(position, trail["anchor"]))
            lines = await _sealed(connection, position, filters)
            is_last = len(lines) < _PAGE
            waiting = await _waiting(connection, filters) if is_last else []
        for line in (*lines, *waiting):
            yield line
        position = int(lines[-1]["position"]) if lines else position
    if not filters:
        async for line in _past_the_queue(database):
            yield line


async def _past_the_queue(database: Database) -> AsyncIterator[Line]:
    """Rows that have no seal and wait for none, window by window: no statement grows with the trail."""
    begin: int | None = _LOWEST_ID
    while begin is not None:
        async with database.begin() as connection:
            lines, begin = await _window(connection, begin)
        for line in lines:
            yield line


async def _check_anchor(connection: AsyncConnection, position: int) -> None:
    """Raise TemporaryError if retention has removed rows above `position`, the last one that was read."""
    if int(await connection.scalar(select(audit_chain.c.anchor)) or 0) > position:
        raise TemporaryError("old rows were removed during the export; start it again")


async def _sealed(connection: AsyncConnection, position: int, filters: Filters) -> list[Line]:
    seals = audit_seals.c
    query = (
        select(seals.position, seals.digest, seals.event_id, *_columns())
        .join_from(audit_seals, audit_events, audit_events.c.id == seals.event_id, isouter=not filters)
        .where(seals.position > position, *filters)
        .order_by(seals.position)
        .limit(_PAGE)
    )
    return [_line(row) for row in (await connection.execute(query)).mappings()]


async def _waiting(connection: AsyncConnection, filters: Filters) -> list[Line]:
    """Rows that wait for their seal."""
    events = audit_events.c
    query = (
        select(*_columns())
        .join_from(audit_unsealed, audit_events, audit_unsealed.c.event_id == events.id)
        .where(~exists().where(audit_seals.c.event_id == events.id), *filters)
        .order_by(events.id)
        .limit(_PAGE * 10)
    )
    return [_unsealed_line(row, queued=True) for row in (await connection.execute(query)).mappings()]


async def _window(connection: AsyncConnection, begin: int) -> tuple[list[Line], int | None]:
    """The rows past the queue among the next `_WINDOW` rows from the id `begin` on, and where the next window begins.

    None instead of the id: there are no more rows.
    """
    events, seals = audit_events.c, audit_seals.c
    window = select(events.id).where(events.id >= begin).order_by(events.id).limit(_WINDOW).subquery()
    until = await connection.scalar(select(func.max(window.c.id)))
    if until is None:
        return [], None
    query = (
        select(*_columns())
        .where(
            events.id.between(begin, until),
            ~exists().where(seals.event_id == events.id, seals.event_id.between(begin, until)),
            ~exists().where(audit_unsealed.c.event_id == events.id),
        )
        .order_by(events.id)
        .limit(_PAGE)
    )
    rows = (await connection.execute(query)).mappings().all()
    lines = [_unsealed_line(row, queued=False) for row in rows]
    last = int(lines[-1]["id"] if len(lines) == _PAGE else until)
    return lines, last + 1 if last < -(_LOWEST_ID + 1) else None


def _unsealed_line(row: RowMapping, *, queued: bool) -> Line:
    return {**event_line(dict(row), None, None), "queued": queued}


def _columns() -> list[Column[Any]]:
    return list(audit_events.c)


def _line(row: RowMapping) -> Line:
    if row["id"] is None:
        return missing_line(row["position"], row["digest"], row["event_id"])
    return event_line(dict(row), row["position"], row["digest"])

"""Lists and exports the trail of one mode. Who exports it is recorded in it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement

from services.gateway.audit.entries import Outcome, storable
from services.gateway.audit.recording import record
from services.gateway.audit.repository import list_events
from services.gateway.audit.schemas import AuditEvent, AuditHead, AuditTrail
from services.gateway.mode_context import ModeContext
from shared.audit.lines import END, Line, changes_of
from shared.database import audit_trail
from shared.database.tables import audit_events

_CHUNK = 64 * 1024
"""Bytes of an export that are sent together, at least."""


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Which rows are shown; None: all."""

    tenant_id: str | None = None
    subject: str | None = None
    operation: str | None = None
    outcome: Outcome | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        events = audit_events.c
        equal = {
            "tenant_id": self.tenant_id,
            "subject": self.subject,
            "operation": self.operation,
            "outcome": self.outcome.value if self.outcome else None,
            "request_id": self.request_id,
        }
        given = storable({name: value for name, value in equal.items() if value is not None})
        found = [events[name] == value for name, value in given.items()]
        found += [events.recorded_at >= _aware(self.since)] if self.since else []
        return found + ([events.recorded_at < _aware(self.until)] if self.until else [])


class AuditQueries:
    """Those of one mode. Each raises DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._mode = context.mode

    async def page(self, filters: AuditFilters, cursor: int | None, limit: int) -> AuditTrail:
        """A page of the rows before `cursor`, the latest first."""
        async with self._database.begin() as connection:
            rows = await list_events(connection, filters.conditions(), cursor, limit + 1)
            trail = await audit_trail.trail_of(connection, self._mode)
        shown = rows[:limit]
        return AuditTrail(
            events=[_event(dict(row)) for row in shown],
            next=shown[-1]["id"] if len(rows) > limit else None,
            head=AuditHead(**trail["head"]),
            keep_days=trail["keep_days"],
        )

    async def export(self, filters: AuditFilters) -> AsyncIterator[bytes]:
        """The lines of an export (`shared.audit.lines`), some of them together."""
        conditions = filters.conditions()
        async with self._database.begin() as connection:
            await record(connection, "exportAuditTrail", after={"filtered": bool(conditions)})
        return self._chunks(conditions)

    async def _chunks(self, conditions: list[ColumnElement[bool]]) -> AsyncIterator[bytes]:
        chunk = bytearray()
        async for line in audit_trail.export(self._database, self._mode, conditions):
            chunk += _text(line)
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        # A broken connection can look like the end of an answer.
        yield bytes(chunk) + _text(END)


def _text(line: Line) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _event(row: Mapping[str, Any]) -> AuditEvent:
    changes = {name: changes_of(row[name]) for name in ("before", "after")}
    digest = row["digest"].hex() if row["digest"] is not None else None
    return AuditEvent.model_validate({**row, **changes, "digest": digest})


def _aware(time: datetime) -> datetime:
    """A time without a zone is UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)

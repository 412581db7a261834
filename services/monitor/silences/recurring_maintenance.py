"""Maintenance that repeats: announces each occurrence as a window of its own, five weeks before it begins.

So the rule for single windows holds for these too: what doesn't count was announced before it began. A window of it
can be cancelled by itself, and isn't announced again.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.clock import Now
from services.monitor.silences import silence_store
from services.monitor.silences.calendars import read_calendars
from services.monitor.silences.commands import never_on, tenant_unknown
from services.monitor.silences.recurrence import next_occurrences, occurrences
from services.monitor.silences.silence_store import SilencedTenant
from shared.database import Database
from shared.errors import Refused
from shared.rpc.silences import (
    NewRecurringMaintenance,
    Occurrence,
    Recurrence,
    RecurringMaintenance,
    RecurringMaintenanceReply,
    RecurringMaintenanceRequest,
)

ANNOUNCED_AHEAD = timedelta(days=35)
MOST_RECURRING = 20
"""Of one tenant."""
_SHOWN = 3
_SELECT = """
    SELECT recurring_id, recurring.tenant_id AS row_id, tenants.tenant_id, recurrence, reason, author,
    recurring.created_at, announced_until, COALESCE(tenants.sla_target ->> 'time_zone', 'UTC') AS zone
    FROM recurring_maintenance AS recurring JOIN tenants ON tenants.id = recurring.tenant_id
"""
_OF_TENANT = text(f"{_SELECT} WHERE recurring.tenant_id = :row_id ORDER BY recurring.created_at DESC")
_DUE = text(f"""
    {_SELECT} WHERE announced_until < :until ORDER BY recurring_id FOR UPDATE OF recurring SKIP LOCKED
""")
_OF_REQUEST = text("SELECT recurring_id FROM recurring_maintenance WHERE request_id = :request_id")
_CREATE = text("""
    INSERT INTO recurring_maintenance (recurring_id, tenant_id, recurrence, reason, author, created_at, announced_until,
        request_id)
    VALUES (:recurring_id, :row_id, CAST(:recurrence AS jsonb), :reason, :author, :now, :now, :request_id)
    ON CONFLICT (request_id) DO NOTHING
""")
_ANNOUNCE = text("""
    INSERT INTO maintenance_windows (tenant_id, began, ended, reason, recurring_id)
    VALUES (:row_id, :began, :ended, :reason, :recurring_id)
""")
_ANNOUNCED = text("UPDATE recurring_maintenance SET announced_until = :until WHERE recurring_id = :recurring_id")
_CANCEL = text("DELETE FROM recurring_maintenance WHERE recurring_id = :recurring_id AND tenant_id = :row_id")
_CANCEL_WINDOWS = text("DELETE FROM maintenance_windows WHERE recurring_id = :recurring_id AND began > :now")
_NEXT_WINDOWS = text("""
    SELECT began, ended FROM maintenance_windows WHERE recurring_id = :recurring_id AND ended > :now
    ORDER BY began LIMIT :most
""")


class RecurringMaintenanceStore:
    """What repeats in one mode."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def announce(self) -> int:
        """Announce the windows of the next weeks. Returns their number. Raises DependencyUnavailable."""
        now = self._now()
        async with self._database.begin() as connection:
            rows = (await connection.execute(_DUE, {"until": now + ANNOUNCED_AHEAD - timedelta(days=1)})).all()
            await read_calendars(Recurrence.model_validate(row.recurrence) for row in rows)
            return sum([await _announce(connection, row, now) for row in rows])

    async def answer(self, request: RecurringMaintenanceRequest) -> RecurringMaintenanceReply:
        """Create one, once for each request; or cancel one; and list.

        Raises Refused (TENANT_NOT_FOUND, NOT_FOUND, CONFLICT, VALIDATION_ERROR), DependencyUnavailable.
        """
        await read_calendars([request.create.recurrence if request.create else None])
        async with self._database.begin() as connection:
            tenant = await silence_store.find_tenant(connection, request.tenant_id)
            if tenant is None:
                raise tenant_unknown(request.tenant_id)
            changed = None
            if request.create is not None:
                changed = await self._create(connection, request, request.create, tenant)
            if request.cancel is not None:
                await self._cancel(connection, request.cancel, tenant)
            shown = [await self._shown(connection, row) for row in await _rows(connection, tenant)]
        one = next((each for each in shown if each.recurring_id == changed), None)
        return RecurringMaintenanceReply(tenant_id=request.tenant_id, recurring=tuple(shown), changed=one)

    async def _create(
        self,
        connection: AsyncConnection,
        request: RecurringMaintenanceRequest,
        new: NewRecurringMaintenance,
        tenant: SilencedTenant,
    ) -> str | None:
        values = {"request_id": request.request_id or None}
        if (done := await connection.scalar(_OF_REQUEST, values)) is not None:
            return str(done)
        now = self._now()
        if not next_occurrences(new.recurrence, now, 1, zone=tenant.zone):
            raise never_on("recurrence")
        if len(await _rows(connection, tenant)) >= MOST_RECURRING:
            english = f"the tenant has {MOST_RECURRING} recurring windows, which is the limit; cancel some of them"
            raise Refused(english, code="CONFLICT", message_id="recurring-limit", details={"most": MOST_RECURRING})
        recurring_id = f"recurring-{secrets.token_hex(6)}"
        written = {
            **values,
            "recurring_id": recurring_id,
            "row_id": tenant.row_id,
            "recurrence": new.recurrence.model_dump_json(),
            "reason": new.reason,
            "author": request.author,
            "now": now,
        }
        await connection.execute(_CREATE, written)
        row = next((each for each in await _rows(connection, tenant) if each.recurring_id == recurring_id), None)
        if row is not None:
            await _announce(connection, row, now)
        return recurring_id

    async def _cancel(self, connection: AsyncConnection, recurring_id: str, tenant: SilencedTenant) -> None:
        """Cancel it with its windows that haven't begun. Raises Refused."""
        values = {"recurring_id": recurring_id, "row_id": tenant.row_id}
        if not (await connection.execute(_CANCEL, values)).rowcount:
            raise Refused(
                f"there is no recurring maintenance {recurring_id!r}",
                code="NOT_FOUND",
                message_id="recurring-not-found",
                details={"recurring_id": recurring_id},
            )
        await connection.execute(_CANCEL_WINDOWS, {"recurring_id": recurring_id, "now": self._now()})

    async def _shown(self, connection: AsyncConnection, row: Any) -> RecurringMaintenance:
        values = {"recurring_id": row.recurring_id, "now": self._now(), "most": _SHOWN}
        windows = (await connection.execute(_NEXT_WINDOWS, values)).all()
        return RecurringMaintenance(
            recurring_id=row.recurring_id,
            tenant_id=row.tenant_id,
            recurrence=Recurrence.model_validate(row.recurrence),
            reason=row.reason,
            author=row.author,
            created_at=row.created_at,
            next=tuple(Occurrence(start=each.began, end=each.ended) for each in windows),
        )


async def _rows(connection: AsyncConnection, tenant: SilencedTenant) -> Sequence[Any]:
    return (await connection.execute(_OF_TENANT, {"row_id": tenant.row_id})).all()


async def _announce(connection: AsyncConnection, row: Any, now: datetime) -> int:
    """Announce what begins after the last announcement, and isn't in the past."""
    since, until = max(row.announced_until, now), now + ANNOUNCED_AHEAD
    recurrence = Recurrence.model_validate(row.recurrence)
    new = [each for each in occurrences(recurrence, since, until, zone=row.zone) if each.start > since]
    if new:
        named = {"row_id": row.row_id, "reason": row.reason, "recurring_id": row.recurring_id}
        await connection.execute(_ANNOUNCE, [named | {"began": each.start, "ended": each.end} for each in new])
    await connection.execute(_ANNOUNCED, {"until": until, "recurring_id": row.recurring_id})
    return len(new)

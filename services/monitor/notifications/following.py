"""Repeats and escalates: goes through what receivers were told of and what still fires, when its time has come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.clock import Now
from services.monitor.notifications.content import AlertNotice
from services.monitor.notifications.follow_up import FollowUp, follow_up
from services.monitor.notifications.notices import again, repeat_row, told_row
from services.monitor.notifications.pending_store import add_pending, tell
from services.monitor.notifications.quiet_hours import quiet_until
from services.monitor.notifications.receiver_rows import receiver_named
from services.monitor.notifications.routing import serves
from shared.database import Database
from shared.rpc.receivers import Channel, ReceiverSpec

_BATCH = 500
_DUE = text("""
    SELECT n.receiver_id, n.alert_id, n.notice, n.repeat_at, n.escalate_at, r.spec, t.tenant_id AS tenant,
        coalesce(i.status <> 'open', false) AS is_acknowledged,
        coalesce(a.muted_by, a.inhibited_by) IS NOT NULL AS is_muted,
        s.failures > 0 OR EXISTS (
            SELECT FROM pending_notices p WHERE p.receiver_id = n.receiver_id AND p.alert_id = n.alert_id
        ) AS is_behind
    FROM notified_alerts n JOIN receivers r USING (receiver_id) JOIN receiver_states s USING (receiver_id)
        LEFT JOIN tenants t ON t.id = r.tenant_id
        LEFT JOIN alerts a ON a.alert_id = n.alert_id LEFT JOIN incidents i ON i.incident_id = a.incident_id
    WHERE n.next_at <= :now ORDER BY n.next_at LIMIT :most FOR UPDATE OF n SKIP LOCKED
""")
_NEXT = text("""
    UPDATE notified_alerts n SET repeat_at = x.repeat_at, escalate_at = x.escalate_at,
        next_at = least(x.repeat_at, x.escalate_at)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(
        receiver_id TEXT, alert_id TEXT, repeat_at TIMESTAMPTZ, escalate_at TIMESTAMPTZ
    ) WHERE n.receiver_id = x.receiver_id AND n.alert_id = x.alert_id
""")


class Following:
    """The follow-up of one mode."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def run_once(self) -> int:
        """Repeat and escalate all that is due; how many alerts were looked at. Raises DependencyUnavailable."""
        looked_at = 0
        while True:
            async with self._database.begin() as connection:
                rows = list(await connection.execute(_DUE, {"now": self._now(), "most": _BATCH}))
                await self._follow(connection, rows)
            looked_at += len(rows)
            if len(rows) < _BATCH:
                return looked_at

    async def _follow(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
        now = self._now()
        pending, times = [], []
        for row in rows:
            spec, notice = ReceiverSpec(**row.spec), AlertNotice(**row.notice)
            found = _found(row, spec, notice, now)
            if found.repeats and not row.is_behind:
                pending.append(repeat_row(row.receiver_id, spec, notice, now))
            if found.escalates and spec.escalation is not None:
                pending += await _escalated(connection, row.tenant, spec.escalation.receiver, notice, now)
            times.append(_times(row, found))
        if times:
            await connection.execute(_NEXT, {"rows": orjson.dumps(times).decode()})
        await add_pending(connection, pending)


def _found(row: Row[Any], spec: ReceiverSpec, notice: AlertNotice, now: datetime) -> FollowUp:
    """What is due. A reminder that falls into quiet hours is one reminder at their end, except for Alertmanager."""
    found = follow_up(
        spec,
        now,
        repeat_at=row.repeat_at,
        escalate_at=row.escalate_at,
        is_acknowledged=row.is_acknowledged,
        is_muted=row.is_muted,
    )
    quiet = quiet_until(spec.quiet_hours, notice.severity, now)
    waits = quiet is not None and found.repeats and spec.type is not Channel.ALERTMANAGER
    return found._replace(repeats=False, repeat_at=quiet) if waits else found


async def _escalated(
    connection: AsyncConnection, tenant: str | None, name: str, notice: AlertNotice, now: datetime
) -> Sequence[dict[str, Any]]:
    """The row for the next receiver, which from now on is told of the alert as if it were its own."""
    receiver = await receiver_named(connection, tenant, name)
    if receiver is None or not receiver.spec.enabled or not serves(receiver, notice.tenant_id):
        return ()
    row = told_row(receiver.receiver_id, receiver.spec, again(notice, "escalated"), now)
    await tell(connection, [row])
    return (row,)


def _times(row: Row[Any], found: FollowUp) -> dict[str, str | None]:
    return {
        "receiver_id": row.receiver_id,
        "alert_id": row.alert_id,
        "repeat_at": None if found.repeat_at is None else found.repeat_at.isoformat(),
        "escalate_at": None if found.escalate_at is None else found.escalate_at.isoformat(),
    }

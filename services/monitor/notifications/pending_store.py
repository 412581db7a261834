"""Rows of `pending_notices` and `notified_alerts`, written in bulk: a flood of alerts is a few statements."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.notifications.content import AlertNotice
from shared.rpc.receivers import ReceiverSpec

CHANNEL = "notifications"
"""The channel on which a sender is woken."""
_TELL = text("""
    INSERT INTO notified_alerts (receiver_id, alert_id, tenant_id, notice, repeat_at, escalate_at, next_at)
    SELECT x.receiver_id, x.alert_id, t.id, x.notice, x.repeat_at, x.escalate_at, least(x.repeat_at, x.escalate_at)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(
        receiver_id TEXT, alert_id TEXT, tenant TEXT, notice JSONB, repeat_at TIMESTAMPTZ, escalate_at TIMESTAMPTZ
    ) JOIN tenants t ON t.tenant_id = x.tenant
    ORDER BY x.receiver_id, x.alert_id
    ON CONFLICT DO NOTHING RETURNING receiver_id, alert_id
""")
_LOCK_TOLD = text("""
    SELECT FROM notified_alerts WHERE alert_id = ANY(:alerts) ORDER BY receiver_id, alert_id FOR UPDATE
""")
_UNTELL = text("""
    DELETE FROM notified_alerts n USING receivers r
    WHERE n.alert_id = ANY(:alerts) AND r.receiver_id = n.receiver_id
    RETURNING n.receiver_id, n.alert_id, n.notice, r.spec
""")
_PEND = text("""
    INSERT INTO pending_notices (receiver_id, alert_id, group_key, notice, due_at, held_until)
    SELECT receiver_id, alert_id, group_key, notice, due_at, held_until
    FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (
        receiver_id TEXT, alert_id TEXT, group_key TEXT, notice JSONB, due_at TIMESTAMPTZ, held_until TIMESTAMPTZ
    )) WITH ORDINALITY AS x(receiver_id, alert_id, group_key, notice, due_at, held_until, place)
    ORDER BY place
""")
_WAKE = text(f"SELECT pg_notify('{CHANNEL}', '')")


class Told(NamedTuple):
    """What a receiver was told of an alert that is resolved now."""

    receiver_id: str
    spec: ReceiverSpec
    notice: AlertNotice


async def tell(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Note that receivers are told of alerts; the (receiver, alert) of those that are new."""
    if not rows:
        return set()
    found = await connection.execute(_TELL, {"rows": _json(rows)})
    return {(row.receiver_id, row.alert_id) for row in found}


async def untell(connection: AsyncConnection, alerts: Iterable[str]) -> Sequence[Told]:
    """Forget alerts; what each receiver that was told of one knows.

    The rows are locked first: an escalation that is in progress adds one, which only a later statement sees.
    """
    values = {"alerts": list(alerts)}
    await connection.execute(_LOCK_TOLD, values)
    found = await connection.execute(_UNTELL, values)
    return [Told(row.receiver_id, ReceiverSpec(**row.spec), AlertNotice(**row.notice)) for row in found]


async def add_pending(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows in their order, and wake a sender when the transaction is committed."""
    if rows:
        await connection.execute(_PEND, {"rows": _json(rows)})
        await wake(connection)


async def wake(connection: AsyncConnection) -> None:
    """Wake the senders when the transaction is committed."""
    await connection.execute(_WAKE)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()

"""Reads the monitor's table of alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

MOST = 1000
"""Active alerts that are read at once."""
_ACTIVE = text("""
    SELECT alert_id, tenants.tenant_id, alerts.name, fingerprint, severity, type, summary, summary_message, metric,
           value, threshold, condition, labels, source, runbook, incident_id, muted_by, inhibited_by, fired_at
    FROM alerts JOIN tenants ON tenants.id = alerts.tenant_id
    WHERE state = 'firing'
        AND (CAST(:row_id AS integer) IS NULL OR alerts.tenant_id = CAST(:row_id AS integer))
        AND (CAST(:visible AS text[]) IS NULL OR tenants.tenant_id = ANY(CAST(:visible AS text[])))
    ORDER BY array_position(ARRAY['critical', 'warning', 'info'], severity::text), fired_at DESC, alert_id
    LIMIT :most
""")


async def active_of(connection: AsyncConnection, row_id: int) -> Sequence[Row[Any]]:
    """The alerts of one tenant that fire: the critical ones first, then the newest."""
    return (await connection.execute(_ACTIVE, {"row_id": row_id, "visible": None, "most": MOST})).all()


async def active(connection: AsyncConnection, visible: list[str] | None, *, most: int) -> Sequence[Row[Any]]:
    """At most `most` of the alerts that fire, of the tenants in `visible`, or of all if it is None."""
    return (await connection.execute(_ACTIVE, {"row_id": None, "visible": visible, "most": most})).all()


async def now(connection: AsyncConnection) -> datetime:
    """The transaction's time, by the clock of PostgreSQL."""
    time: datetime = await connection.scalar(text("SELECT now()"))
    return time

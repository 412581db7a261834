"""Incidents in the tables of a gateway's test, as the monitor would write them."""

from datetime import datetime
from uuid import uuid4

import asyncpg

_INCIDENT = """
INSERT INTO incidents (incident_id, tenant_id, title, title_message, severity, worst, status, opened_at, opened_by,
    changed_at, closed_at)
SELECT $1, id, $3, NULL, $4, $4, $5, $6, 'ecp', $6, $7 FROM tenants WHERE tenant_id = $2
"""
_ALERT = """
INSERT INTO incident_alerts (incident_id, fingerprint, alert_id, name, severity, type, labels, condition, value,
    summary, first_at, fired_at, firings)
VALUES ($1, 'f', 'alert-1', 'cpu', $2, 'custom', '{"service": "callbot"}', 'cpu_usage > 80', 93,
    'CPU is high', $3, $3, 1)
"""
_ENTRY = """
INSERT INTO incident_entries (incident_id, at, kind, author, text, message)
VALUES ($1, $2, 'opened', 'ecp', 'opened with severity critical',
    '{"id": "incident-opened", "params": {"severity": "critical"}}')
"""


async def insert_incident(
    connection: asyncpg.Connection,
    tenant_id: str,
    *,
    opened_at: datetime,
    severity: str = "critical",
    closed_at: datetime | None = None,
    title: str = "CPU is high",
) -> str:
    """An incident with one alert that fires; its id."""
    incident_id = f"incident-{uuid4().hex[:12]}"
    status = "open" if closed_at is None else "closed"
    await connection.execute(_INCIDENT, incident_id, tenant_id, title, severity, status, opened_at, closed_at)
    await connection.execute(_ALERT, incident_id, severity, opened_at)
    await connection.execute(_ENTRY, incident_id, opened_at)
    return incident_id

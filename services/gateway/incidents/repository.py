"""Rows of incidents, which the monitor writes. A list shows only the tenants in `visible`, or all if that is None."""

# ruff: noqa: S608 - only constants are put in

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

MOST_ALERTS = 500
MOST_ENTRIES = 2000
_MOST_OPERATIONS = 100
_SELECT = """
    SELECT incidents.*, tenants.tenant_id AS tenant_name, tenants.id AS owner_id,
        COALESCE(tenants.sla_target ->> 'time_zone', 'UTC') AS zone,
        (SELECT count(*) FROM incident_alerts WHERE incident_alerts.incident_id = incidents.incident_id) AS alerts,
        (SELECT count(*) FROM incident_alerts
            WHERE incident_alerts.incident_id = incidents.incident_id AND resolved_at IS NULL) AS firing
    FROM incidents JOIN tenants ON tenants.id = incidents.tenant_id
"""
_WHERE = """
    (CAST(:visible AS text[]) IS NULL OR tenants.tenant_id = ANY(CAST(:visible AS text[])))
    AND (CAST(:tenant_id AS text) IS NULL OR tenants.tenant_id = CAST(:tenant_id AS text))
    AND (CAST(:status AS text) IS NULL OR incidents.status = CAST(:status AS text))
    AND (CAST(:severity AS text) IS NULL OR incidents.severity = CAST(:severity AS text))
    AND (CAST(:since AS timestamptz) IS NULL OR incidents.closed_at IS NULL
        OR incidents.closed_at >= CAST(:since AS timestamptz))
    AND (CAST(:until AS timestamptz) IS NULL OR incidents.opened_at < CAST(:until AS timestamptz))
"""
_LIST = text(f"{_SELECT} WHERE {_WHERE} ORDER BY opened_at DESC, incident_id DESC LIMIT :limit OFFSET :skip")
_COUNT = text(f"SELECT count(*) FROM incidents JOIN tenants ON tenants.id = incidents.tenant_id WHERE {_WHERE}")
_ONE = text(f"{_SELECT} WHERE incidents.incident_id = :incident_id")
_ALERTS = text("""
    SELECT * FROM incident_alerts WHERE incident_id = :incident_id
    ORDER BY (resolved_at IS NULL) DESC, first_at, fingerprint LIMIT :most
""")
_ENTRIES = text("""
    SELECT * FROM (
        SELECT id, at, kind, author, text, message, details FROM incident_entries WHERE incident_id = :incident_id
        ORDER BY at DESC, id DESC LIMIT :most
    ) AS last ORDER BY at, id
""")
_OPERATIONS = text("""
    SELECT deployment_id, operation, status, message, created_at, finished_at FROM deployments
    WHERE tenant_id = :owner_id AND created_at < :until
        AND (created_at >= :since OR finished_at IS NULL OR finished_at >= :since)
    ORDER BY created_at LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class IncidentFilters:
    """Which incidents are listed; None: all."""

    tenant_id: str | None = None
    status: str | None = None
    severity: str | None = None
    since: datetime | None = None
    """Those that were open at this time or later."""
    until: datetime | None = None
    """Those that were opened before."""


async def list_incidents(
    connection: AsyncConnection, filters: IncidentFilters, visible: list[str] | None, *, skip: int, limit: int
) -> tuple[Sequence[Row[Any]], int]:
    """A page of the incidents, the newest first, and the number of all."""
    values = asdict(filters) | {"visible": visible}
    total = int(await connection.scalar(_COUNT, values) or 0)
    rows = (await connection.execute(_LIST, values | {"skip": skip, "limit": limit})).all()
    return rows, total


async def find_incident(connection: AsyncConnection, incident_id: str) -> Row[Any] | None:
    """One incident; None for an unknown id."""
    return (await connection.execute(_ONE, {"incident_id": incident_id})).one_or_none()


async def list_alerts(connection: AsyncConnection, incident_id: str) -> Sequence[Row[Any]]:
    """The alerts of an incident: those that fire, then the others in the order of time."""
    return (await connection.execute(_ALERTS, {"incident_id": incident_id, "most": MOST_ALERTS})).all()


async def list_entries(connection: AsyncConnection, incident_id: str) -> Sequence[Row[Any]]:
    """The last lines of its timeline, the oldest first."""
    return (await connection.execute(_ENTRIES, {"incident_id": incident_id, "most": MOST_ENTRIES})).all()


async def list_operations(
    connection: AsyncConnection, owner_id: int, since: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """What was done to a tenant in a span of time."""
    values = {"owner_id": owner_id, "since": since, "until": until, "most": _MOST_OPERATIONS}
    return (await connection.execute(_OPERATIONS, values)).all()

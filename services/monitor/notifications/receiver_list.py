"""Receivers as lists show them: without secrets, with how their deliveries fare."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.notifications.spec_rules import destination
from shared.rpc.receivers import Receiver, ReceiverHealth, ReceiverSpec

_LIST = text("""
    SELECT r.name, t.tenant_id AS tenant, r.origin, r.spec, r.created_at, r.changed_at, s.failures, s.last_error,
        s.last_success_at, s.not_before, k.url, k.previous_until,
        k.authorization_value IS NOT NULL AS has_authorization,
        (SELECT count(*) FROM notifications n WHERE n.receiver_id = r.receiver_id AND n.state = 'waiting') AS waiting,
        (SELECT count(*) FROM pending_notices p WHERE p.receiver_id = r.receiver_id) AS pending,
        (SELECT count(*) FROM notifications n WHERE n.receiver_id = r.receiver_id AND n.state = 'dead') AS dead
    FROM receivers r JOIN receiver_states s USING (receiver_id) JOIN receiver_secrets k USING (receiver_id)
        LEFT JOIN tenants t ON t.id = r.tenant_id
    WHERE (CAST(:tenant AS text) IS NULL AND r.tenant_id IS NULL) OR t.tenant_id = :tenant
    ORDER BY r.name LIMIT 500
""")


async def list_receivers(connection: AsyncConnection, tenant: str | None) -> Sequence[Receiver]:
    """Those of a tenant, or of the mode, by name; at most 500."""
    return [_shown(row) for row in await connection.execute(_LIST, {"tenant": tenant})]


def _shown(row: Row[Any]) -> Receiver:
    spec = ReceiverSpec(**row.spec)
    return Receiver(
        name=row.name,
        tenant_id=row.tenant,
        origin=row.origin,
        spec=spec,
        destination=destination(spec, row.url),
        has_authorization=row.has_authorization,
        previous_secret_until=row.previous_until,
        health=ReceiverHealth(
            waiting=row.waiting,
            pending_alerts=row.pending,
            dead=row.dead,
            failures=row.failures,
            last_error=row.last_error,
            last_success_at=row.last_success_at,
            next_attempt_at=row.not_before,
        ),
        created_at=row.created_at,
        changed_at=row.changed_at,
    )

"""Reads which ids are in use."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import services, tenants

_SERVICES = select(func.count()).where(services.c.tenant_id == tenants.c.id).correlate(tenants).scalar_subquery()
_IN_USE = select(
    tenants.c.tenant_id,
    tenants.c.name,
    tenants.c.preset,
    func.coalesce(tenants.c.status, "pending").label("status"),
    func.coalesce(tenants.c.created_at, func.now()).label("created_at"),
    _SERVICES.label("services_count"),
)


async def in_use(connection: AsyncConnection, tenant_ids: Collection[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    """The tenants with these ids: tenant_id, name, preset, status, created_at and services_count, by id."""
    rows = await connection.execute(_IN_USE.where(tenants.c.tenant_id.in_(list(tenant_ids))))
    return {row.tenant_id: row for row in rows}

"""One transaction at a time works on the alerts and incidents of a tenant.

Every transaction that changes them takes these locks first, before it touches a row: otherwise two could wait for each
other, one for a row of an alert and one for the incident. The locks end with the transaction.
"""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK_CLASS = 0x6563_7013
"""The first of the two numbers of an advisory lock, which sets these locks apart; the second is the tenant's row."""
_TENANTS = text("SELECT id, tenant_id FROM tenants WHERE tenant_id = ANY(:names) ORDER BY id FOR KEY SHARE")
_LOCK = text("SELECT pg_advisory_xact_lock(:lock, id) FROM unnest(CAST(:ids AS integer[])) AS id")


async def lock_tenants(connection: AsyncConnection, tenant_ids: Iterable[str]) -> dict[str, int]:
    """Wait until no other transaction works on these tenants. Their row ids; a tenant that is gone is left out."""
    found = (await connection.execute(_TENANTS, {"names": sorted(set(tenant_ids))})).all()
    await connection.execute(_LOCK, {"lock": _LOCK_CLASS, "ids": sorted(row.id for row in found)})
    return {row.tenant_id: row.id for row in found}

"""Rows of `tenant_access`: the tenants of each caller besides those that its token or key names.

A row belongs to a tenant's row, not to its id: it ends with the tenant, and a later tenant with the same id has none of
it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import deployments, incidents, tenant_access, tenants
from shared.identity.caller import Caller

_MOST_TENANTS = 10_000
"""Tenants of one caller that are read; the newest grants first."""

_columns = tenant_access.c
_IS_CALLERS = (_columns.kind == bindparam("kind"), _columns.subject == bindparam("subject"))
_OF_CALLER = (
    select(tenants.c.tenant_id)
    .join(tenant_access, _columns.tenant_id == tenants.c.id)
    .where(*_IS_CALLERS)
    .order_by(_columns.granted_at.desc())
    .limit(_MOST_TENANTS)
)
_GRANTED_HERE = exists().where(*_IS_CALLERS, _columns.tenant_id == tenants.c.id).correlate(tenants)
_OWNER = (
    select(tenants.c.tenant_id, _GRANTED_HERE.label("is_granted"))
    .join(deployments, deployments.c.tenant_id == tenants.c.id)
    .where(deployments.c.deployment_id == bindparam("sought"))
)

_INCIDENT_OWNER = (
    select(tenants.c.tenant_id, _GRANTED_HERE.label("is_granted"))
    .join(incidents, incidents.c.tenant_id == tenants.c.id)
    .where(incidents.c.incident_id == bindparam("sought"))
)


async def granted_tenants(connection: AsyncConnection, caller: Caller) -> frozenset[str]:
    """The ids of all tenants that are granted to the caller."""
    return frozenset((await connection.execute(_OF_CALLER, _identity(caller))).scalars())


async def owner_of(connection: AsyncConnection, caller: Caller, deployment_id: str) -> tuple[str, bool] | None:
    """The tenant of a deployment, and whether it is granted to the caller; None for an unknown deployment."""
    found = (await connection.execute(_OWNER, {**_identity(caller), "sought": deployment_id})).one_or_none()
    return None if found is None else (found.tenant_id, found.is_granted)


async def incident_owner_of(connection: AsyncConnection, caller: Caller, incident_id: str) -> tuple[str, bool] | None:
    """The same of an incident."""
    found = (await connection.execute(_INCIDENT_OWNER, {**_identity(caller), "sought": incident_id})).one_or_none()
    return None if found is None else (found.tenant_id, found.is_granted)


async def insert_grant(connection: AsyncConnection, row_id: int, kind: str, subject: str, *, granted_by: str) -> bool:
    """Grant a tenant's row to a caller; False if it is granted already, and stays as it is."""
    values = {"tenant_id": row_id, "kind": kind, "subject": subject, "granted_by": granted_by}
    statement = upsert(tenant_access).values(**values).on_conflict_do_nothing().returning(_columns.subject)
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def delete_grant(connection: AsyncConnection, row_id: int, kind: str, subject: str) -> bool:
    """Take a grant away; whether it was there."""
    statement = delete(tenant_access).where(
        _columns.tenant_id == row_id, _columns.kind == kind, _columns.subject == subject
    )
    return (await connection.execute(statement)).rowcount > 0


async def list_grants(connection: AsyncConnection, row_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """kind, subject, granted_by and granted_at of a tenant's grants, the oldest first."""
    query = select(_columns.kind, _columns.subject, _columns.granted_by, _columns.granted_at).where(
        _columns.tenant_id == row_id
    )
    return (await connection.execute(query.order_by(_columns.granted_at, _columns.kind, _columns.subject))).all()


async def count_grants(connection: AsyncConnection, row_id: int) -> int:
    """The number of a tenant's grants."""
    query = select(func.count()).select_from(tenant_access).where(_columns.tenant_id == row_id)
    return int(await connection.scalar(query) or 0)


def _identity(caller: Caller) -> dict[str, str]:
    return {"kind": caller.kind.value, "subject": caller.subject}

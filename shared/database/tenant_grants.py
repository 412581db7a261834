"""Whether a tenant was given to a caller: the gateway asks it for calls, the monitor for samples of other systems."""

from sqlalchemy import bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import tenant_access, tenants
from shared.identity.caller import Caller

_IS_GRANTED = select(
    exists(
        select(tenant_access.c.tenant_id)
        .join(tenants, tenants.c.id == tenant_access.c.tenant_id)
        .where(
            tenant_access.c.kind == bindparam("kind"),
            tenant_access.c.subject == bindparam("subject"),
            tenants.c.tenant_id == bindparam("sought"),
        )
    )
)
"""The same work for a tenant that doesn't exist and for one of others, so that its duration tells nothing."""


async def is_granted(connection: AsyncConnection, caller: Caller, tenant_id: str) -> bool:
    """Whether the tenant was given to the caller; False for one that doesn't exist."""
    values = {"kind": caller.kind.value, "subject": caller.subject, "sought": tenant_id}
    return bool(await connection.scalar(_IS_GRANTED, values))

"""One host, one tenant: two Ingresses of one host would answer each other's customers.

Only chosen hosts are compared here. `<tenant>.<INGRESS_DOMAIN>` is a tenant's own by its id, which rendering checks.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.http.errors import conflict
from shared.database.tables import tenants
from shared.tenants import TenantSpec

_HOST = tenants.c.cluster_options["ingress"]["host"].astext


async def claim_host(connection: AsyncConnection, spec: TenantSpec) -> None:
    """Lock the chosen host until the end of the transaction. Raises Refused (CONFLICT) if another tenant has it."""
    host = spec.cluster_options.ingress.host
    if host is None:
        return
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(host, 0))))
    taken = select(tenants.c.id).where(host == _HOST, tenants.c.tenant_id != spec.tenant_id).limit(1)
    if (await connection.execute(taken)).first() is not None:
        raise conflict(
            "ingress-host-taken", f"another tenant has the host {host}; choose another ingress.host", host=host
        )

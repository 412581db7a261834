"""The row of an operation that is to be cancelled."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments.repository import lock_deployment
from shared.database.tables import deployments, tenants


async def lock_operation(connection: AsyncConnection, deployment_id: str) -> Row[Any] | None:
    """The operation with its tenant's `tenant_name` and `latest` generation, locked until the transaction's end."""
    if await lock_deployment(connection, deployment_id) is None:
        return None
    query = (
        select(deployments, tenants.c.tenant_id.label("tenant_name"), tenants.c.generation.label("latest"))
        .join(tenants, tenants.c.id == deployments.c.tenant_id)
        .where(deployments.c.deployment_id == deployment_id)
    )
    return (await connection.execute(query)).one_or_none()


async def store_request(connection: AsyncConnection, deployment_id: str, request: Mapping[str, Any]) -> None:
    """Store the events that `recovery` may have to publish again."""
    statement = update(deployments).where(deployments.c.deployment_id == deployment_id).values(request=dict(request))
    await connection.execute(statement)

"""The deployment that a field or a parameter of a request names."""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import repository
from services.gateway.http.errors import invalid
from services.gateway.http.parameters import is_possible_id
from shared.messages import sentence


async def named_deployment(connection: AsyncConnection, tenant_id: str, deployment_id: str, field: str) -> Row[Any]:
    """The deployment of the tenant. Raises Refused, which names `field`, for an unknown one and another tenant's."""
    # PostgreSQL refuses some texts with an error.
    possible = is_possible_id(deployment_id)
    found = await repository.find_deployment(connection, deployment_id) if possible else None
    if found is None or found.tenant_name != tenant_id:
        english = "{deployment_id} is no deployment of tenant {tenant_id}"
        reason = sentence("not-a-deployment-of", english, deployment_id=deployment_id, tenant_id=tenant_id)
        raise invalid(field, reason)
    return found

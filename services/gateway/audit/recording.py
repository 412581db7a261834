"""Adds what a request did to the audit trail, in the transaction that does it: both are committed, or neither.

    async with database.begin() as connection:
        ...
        await record(connection, "revokeApiKey", object_id=key_id, before={"revoked": False}, after={"revoked": True})

It is one INSERT that waits for nothing: rows are sealed after their transaction.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.entries import Fields, Outcome, caller_values, changed_fields
from services.gateway.audit.repository import insert_events
from services.gateway.http import request_context


async def record(
    connection: AsyncConnection,
    operation: str,
    *,
    tenant_id: str | None = None,
    deployment_id: str | None = None,
    object_id: str | None = None,
    before: Fields | None = None,
    after: Fields | None = None,
    outcome: Outcome = Outcome.DONE,
) -> None:
    """Add a row about the current request.

    Args:
        connection: that of the operation's transaction.
        operation: the id of the operation in the OpenAPI document, such as `createTenant`.
        tenant_id: the tenant that it concerns.
        deployment_id: the deployment that it requested or concerns.
        object_id: what else it concerns, such as a key's id.
        before: the fields before a change; the changed ones are kept. None: it didn't exist. Never a secret.
        after: the fields after it. None: it doesn't exist any more.
        outcome: REQUESTED for what another service is asked to do.
    """
    earlier, later = changed_fields(before, after)
    row = {
        "operation": operation,
        "outcome": outcome.value,
        "tenant_id": tenant_id,
        "deployment_id": deployment_id,
        "object_id": object_id,
        "before": earlier,
        "after": later,
        **caller_values(request_context.current()),
    }
    await insert_events(connection, [row])

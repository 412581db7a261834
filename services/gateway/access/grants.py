"""Gives a new tenant to its creator."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.access.repository import insert_grant
from services.gateway.http import request_context
from shared.identity.caller import Caller, CallerKind


async def grant_creator(connection: AsyncConnection, row_id: int) -> None:
    """Give the tenant's row to the caller, in the transaction of the creation.

    Also to an administrator, who sees every tenant: the tenant stays its own with a lower role.
    """
    caller = request_context.current().caller
    if caller.kind not in (CallerKind.LOCAL, CallerKind.NONE):
        await insert_grant(connection, row_id, caller.kind.value, caller.subject, granted_by=name_of(caller))


def name_of(caller: Caller) -> str:
    """Kind and subject of a caller, such as `person:248289761001`."""
    return f"{caller.kind.value}:{caller.subject}"

"""The first administrator's key, made at the database: with authentication on, REST makes none without another key.

Who has the gateway's environment has its database, and so every right of it; therefore this needs no other proof.
It works only while no administrator's key exists, so that it isn't a way around the audit trail later.
"""

from services.gateway.http.request_context import RequestContext, new_request_id, requesting
from services.gateway.keys import repository
from services.gateway.keys.commands import add_key
from services.gateway.keys.schemas import ApiKeySecret, KeyCreate
from shared.database import Database
from shared.errors import Refused
from shared.identity.caller import Caller, CallerKind, Role
from shared.subjects import Mode

CREATOR = "--first"


async def make_first_key(database: Database, mode: Mode, name: str, days: int) -> ApiKeySecret:
    """Make an administrator's key of `mode`. Raises Refused if one exists, DependencyUnavailable."""
    request = KeyCreate(name=name, role=Role.ADMIN, expires_in_days=days)
    caller = Caller("ecp keys create --first", CallerKind.SYSTEM)
    with requesting(RequestContext(new_request_id(), mode=mode, caller=caller)):
        return await _make(database, mode, request)


async def _make(database: Database, mode: Mode, request: KeyCreate) -> ApiKeySecret:
    async with database.begin() as connection:
        await repository.lock(connection)
        if await repository.has_administrator(connection):
            raise Refused(
                f"{mode} mode has an administrator's key already; make further ones with it, by `ecp keys create`",
                code="CONFLICT",
                details={"mode": mode.value},
                message_id="first-key-exists",
            )
        return await add_key(connection, mode, request, CREATOR)

"""Answers `rpc.restart`: the monitor restarts a tenant that is down, by the operation that a person would request.

The request's key is the operation's idempotency key: the same request again is the same restart, and tells its status.
"""

import hashlib

from services.gateway.deployments.repository import find_deployment
from services.gateway.http import request_context
from services.gateway.http.request_context import RequestContext, new_request_id
from services.gateway.idempotency.transaction import CallKey
from services.gateway.lifecycle.commands import LifecycleCommands
from services.gateway.mode_context import ModeContext, ModeContexts
from shared.events import Operation
from shared.identity.caller import Caller, CallerKind, Role
from shared.rpc import RestartReply, RestartRequest
from shared.subjects import Mode

RECOVERY = Caller("monitor", CallerKind.SYSTEM, Role.OPERATOR, None)
"""Who the audit trail has as the caller."""
_SCOPE = "restart for a recovery"


async def answer_restart(request: RestartRequest, mode: Mode, *, modes: ModeContexts) -> RestartReply:
    """Restart the tenant, once for each key. Raises Refused, or DependencyUnavailable while PostgreSQL is away."""
    context = modes[mode]
    fingerprint = hashlib.sha256(request.tenant_id.encode()).hexdigest()
    key = CallKey(_SCOPE, request.key, fingerprint)
    with request_context.requesting(RequestContext(new_request_id(), mode=mode, caller=RECOVERY)):
        answer = await LifecycleCommands(context).request(request.tenant_id, Operation.RESTART, key)
        return await _reply(context, answer.deployment_id)


async def _reply(context: ModeContext, deployment_id: str) -> RestartReply:
    async with context.database.begin() as connection:
        row = await find_deployment(connection, deployment_id)
    # Its tenant may have been deleted, and the deployment with it.
    return RestartReply(deployment_id=deployment_id, status=row.status if row is not None else "superseded")

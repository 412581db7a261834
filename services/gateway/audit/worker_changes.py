"""Has a worker change something: once for each idempotency key, with both rows of the audit trail.

The worker's transaction isn't ours: one row is written before it is asked, and one when it has done it. A call that
ends in between leaves the first one. The worker executes a request with the same id once, so a client may repeat it.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.gateway.audit.entries import Fields, Outcome
from services.gateway.audit.recording import record
from services.gateway.http import request_context
from services.gateway.idempotency.transaction import CallKey, first_answer, idempotent
from shared.database import Database
from shared.tenants import Model

M = TypeVar("M", bound=Model)
_LONGEST_AUTHOR = 255


def request_id(key: CallKey | None) -> str:
    """The id of a request to a worker: the same for a repeated call with the same key, else a random one."""
    if key is None:
        return f"call-{secrets.token_hex(16)}"
    return f"key-{hashlib.sha256(f'{key.scope} {key.key}'.encode()).hexdigest()[:40]}"


def author() -> str:
    """Who sends the current request, as users read it: the e-mail address, or the subject."""
    caller = request_context.current().caller
    return (caller.email or caller.subject or caller.kind.value)[:_LONGEST_AUTHOR]


async def changed_by_worker(
    database: Database,
    key: CallKey | None,
    model: type[M],
    ask: Callable[[], Awaitable[M]],
    *,
    operation: str,
    tenant_id: str | None,
    object_id: str | None = None,
    after: Fields | None = None,
    found: Callable[[M], Fields] | None = None,
) -> M:
    """The answer of `ask`, or the first one to a call with the same key.

    The trail keeps `after` of the request, and `found` of the answer besides.

    Raises Refused (also CONFLICT for a key that was used with another body), DependencyUnavailable.
    """
    if answered := await first_answer(database, key, model):
        return answered
    async with database.begin() as connection:
        await record(
            connection,
            operation,
            tenant_id=tenant_id,
            object_id=object_id,
            after=after,
            outcome=Outcome.REQUESTED,
        )
    answer = await ask()
    async with idempotent(database, key, model) as call:
        if call.first_answer is not None:
            return call.first_answer
        done = {**(after or {}), **found(answer)} if found else after
        await record(call.connection, operation, tenant_id=tenant_id, object_id=object_id, after=done)
        return call.keep(answer)

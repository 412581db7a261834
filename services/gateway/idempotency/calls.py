"""Idempotency-Key: the same key and body answer the first answer again; another body is a conflict.

The key is claimed in the transaction of the operation itself, so that both happen or neither: only answers of
operations that were done are kept, and of two calls at the same time the second waits for the first.
"""

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.http.errors import conflict, invalid
from services.gateway.outbox import repository as store
from shared.tenants import Model

M = TypeVar("M", bound=Model)
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Once:
    """One call with a key."""

    scope: str
    """Which call, e.g. `POST /tenants/`."""
    key: str
    fingerprint: str


def once(scope: str, key: str | None, body: Model | None) -> Once | None:
    """None without a key. Raises Refused for a key that can't be one."""
    key = check_key(key)
    if key is None:
        return None
    text = body.model_dump_json(exclude_unset=True) if body is not None else ""
    return Once(scope, key, hashlib.sha256(text.encode()).hexdigest())


def check_key(key: str | None) -> str | None:
    """The key, if it can be one; raises Refused otherwise."""
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise invalid("Idempotency-Key", f"must be 1 to {_LONGEST_KEY} printable ASCII characters")
    return key


async def is_done(connection: AsyncConnection, call: Once) -> bool:
    """Whether an operation was done under this key, whichever it was. Raises Refused (CONFLICT) like `recall`."""
    found = await store.find_answer(connection, call.scope, call.key)
    if found is not None and found.fingerprint != call.fingerprint:
        raise conflict("an event of this source and id came before with another body; give each its own id")
    return found is not None


async def recall(connection: AsyncConnection, call: Once | None, model: type[M]) -> M | None:
    """The first answer, or None if there is none yet. Raises Refused (CONFLICT) if the key had another body."""
    found = await store.find_answer(connection, call.scope, call.key) if call is not None else None
    if call is None or found is None:
        return None
    if found.fingerprint != call.fingerprint:
        raise conflict("this Idempotency-Key was used with another body; use a new key", key=call.key)
    return model.model_validate(found.answer)


async def claim(connection: AsyncConnection, call: Once | None, model: type[M]) -> M | None:
    """Take the key for this transaction; if somebody was quicker, their answer."""
    if call is None or await store.claim_key(connection, call.scope, call.key, call.fingerprint):
        return None
    return await recall(connection, call, model)


async def remember(connection: AsyncConnection, call: Once | None, answer: M) -> M:
    """Keep the answer with the key, and pass it on."""
    if call is not None:
        await store.keep_answer(connection, call.scope, call.key, answer.model_dump(mode="json"))
    return answer

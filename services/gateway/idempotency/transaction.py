"""Idempotency-Key: the same key and body get the first answer again; another body is a conflict.

A key belongs to its caller: what another caller sends with the same key is another call, and gets an answer of its own.

The key is claimed in the transaction of the operation itself, so both are committed or neither: only the answers of
completed operations are kept, and of two simultaneous calls the second waits for the first.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.http import request_context
from services.gateway.http.errors import conflict, invalid
from services.gateway.http.parameters import LONGEST_KEY
from services.gateway.idempotency import repository
from services.gateway.idempotency.repository import FirstAnswer
from shared.database import Database
from shared.identity.caller import CallerKind
from shared.messages import sentence
from shared.tenants import Model

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class CallKey:
    """The idempotency key of one call, in the scope of its operation."""

    scope: str
    """The operation and its caller, such as `POST /tenants/ by person 9f86…`: a key may be used once for each."""
    key: str
    fingerprint: str
    """A digest of the body."""


@dataclass(slots=True)
class IdempotentCall(Generic[M]):
    """An operation inside its transaction."""

    connection: AsyncConnection
    first_answer: M | None
    """The answer of an earlier call with the same key, which has to be returned instead of executing this one."""
    answer: M | None = None
    """What is stored with the key."""

    def keep(self, answer: M) -> M:
        """Store `answer` with the key at the end of the transaction; returns it."""
        self.answer = answer
        return answer


def call_key(scope: str, key: str | None, body: Model | None) -> CallKey | None:
    """The key of a call, or None if the client sent none. Raises Refused for an unusable key."""
    key = check_key(key)
    if key is None:
        return None
    text = body.model_dump_json(exclude_unset=True) if body is not None else ""
    return CallKey(f"{scope}{_of_caller()}", key, hashlib.sha256(text.encode()).hexdigest())


def _of_caller() -> str:
    """What sets the keys of this caller apart. Nothing while authentication is off, when all callers are one."""
    caller = request_context.current().caller
    if caller.kind in (CallerKind.LOCAL, CallerKind.NONE):
        return ""
    subject = hashlib.sha256(caller.subject.encode()).hexdigest()
    return f" by {caller.kind.value} {subject}"


def check_key(key: str | None) -> str | None:
    """The key, if it is usable; raises Refused otherwise."""
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        english = "must be 1 to {most} printable ASCII characters"
        raise invalid("Idempotency-Key", sentence("idempotency-key-unusable", english, most=LONGEST_KEY))
    return key


@asynccontextmanager
async def idempotent(database: Database, key: CallKey | None, model: type[M]) -> AsyncIterator[IdempotentCall[M]]:
    """One transaction in which an operation is executed at most once for each key.

        async with idempotent(database, key, TenantCreated) as call:
            if call.first_answer is not None:
                return call.first_answer
            return call.keep(await create(call.connection))

    Without a key it is an ordinary transaction. Raises Refused (CONFLICT) if the key was used with another body,
    DependencyUnavailable while PostgreSQL is away.
    """
    async with database.begin() as connection:
        is_first = key is None or await repository.claim_key(connection, key.scope, key.key, key.fingerprint)
        call = IdempotentCall(connection, None if is_first else await _find(connection, key, model))
        yield call
        if key is not None and call.answer is not None:
            await repository.keep_answer(connection, key.scope, key.key, call.answer.model_dump(mode="json"))


async def first_answer(database: Database, key: CallKey | None, model: type[M]) -> M | None:
    """The answer of an earlier call with this key, before anything expensive is done. Raises Refused (CONFLICT)."""
    if key is None:
        return None
    async with database.begin() as connection:
        return await _find(connection, key, model)


async def is_executed(database: Database, key: CallKey) -> bool:
    """Whether an event's operation was executed. Raises Refused (CONFLICT) if its id was used with another body."""
    async with database.begin() as connection:
        stored = await repository.find_answer(connection, key.scope, key.key)
    if stored is not None and stored.fingerprint != key.fingerprint:
        raise conflict(
            "event-id-reused", "an event of this source and id had another body; give each event an id of its own"
        )
    return stored is not None


async def _find(connection: AsyncConnection, key: CallKey | None, model: type[M]) -> M | None:
    stored: FirstAnswer | None = await repository.find_answer(connection, key.scope, key.key) if key else None
    if key is None or stored is None:
        return None
    if stored.fingerprint != key.fingerprint:
        raise conflict(
            "idempotency-key-reused", "this Idempotency-Key was used with another body; use a new key", key=key.key
        )
    return model.model_validate(stored.answer)

"""An API key becomes the caller of a request: one of the verifiers of the gateway's authentication.

A key lives in the database of its mode and opens only that mode. It names the mode, so a call with a key needs no
X-Demo-Mode; one that asks for the other mode is refused, instead of being answered from the wrong one.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from services.gateway.access.lookups import CredentialLookups
from services.gateway.http import request_context
from services.gateway.keys import repository
from services.gateway.keys.key_record import KeyRecord
from services.gateway.keys.key_text import PREFIX, KeyText, digest_of, parse_key
from services.gateway.keys.last_use import LastUses
from services.gateway.keys.record_cache import RecordCache
from shared.errors import Refused
from shared.identity.caller import Caller
from shared.identity.verifiers import unauthorized
from shared.subjects import Mode


class KeyVerifier:
    """Checks keys. What it raises and logs never has the key in it."""

    def __init__(
        self,
        lookups: CredentialLookups,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the time of expiries, `clock` that of the cache in seconds."""
        self._lookups = lookups
        self._now = now
        self.uses = LastUses()
        self.cache = RecordCache(self._read, clock=clock)

    def claims(self, credential: str) -> bool:
        """Whether a credential is a key, or was meant to be one."""
        return credential.startswith(PREFIX)

    async def caller(self, credential: str) -> Caller:
        """Who calls. Raises Refused (UNAUTHORIZED, FORBIDDEN in the other mode), DependencyUnavailable."""
        key = parse_key(credential)
        record = await self.cache.get(key) if key is not None else None
        if key is None or record is None:
            raise _invalid()
        digest = digest_of(credential)
        until = self._checked_end(record, digest)
        _choose_mode(key.mode)
        self.uses.note(key)
        return record.caller(digest, until)

    async def again(self, credential: str, caller: Caller) -> Caller:
        """The same for an open socket: a key may be sent any number of times."""
        return await self.caller(credential)

    async def still(self, mode: Mode, caller: Caller) -> None:
        """Raise Refused once the secret by which `caller` made something (a ticket) is replaced, revoked or expired."""
        record = await self.cache.get(KeyText(mode, caller.subject))
        if record is None or caller.proven_by is None:
            raise _invalid()
        self._checked_end(record, bytes.fromhex(caller.proven_by))

    def _checked_end(self, record: KeyRecord, digest: bytes) -> datetime:
        """When the secret with this digest ends. Raises Refused if that is over, or it isn't one of the key's."""
        until = record.end_of(digest)
        if until is None:
            raise _invalid()
        if until <= self._now():
            raise unauthorized("key-expired", "the API key has expired; make another one")
        return until

    async def _read(self, key: KeyText) -> KeyRecord | None:
        async with self._lookups.begin(key.mode) as connection:
            return await repository.find(connection, key.key_id)


def _choose_mode(mode: Mode) -> None:
    """Make the key's mode that of the request. Raises Refused if the request has chosen the other one."""
    request = request_context.current()
    if request.mode_is_given and request.mode is not mode:
        english = f"the API key is one of {mode} mode; send X-Demo-Mode: {str(mode is Mode.DEMO).lower()}"
        raise Refused(english, code="FORBIDDEN", details={"mode": mode.value}, message_id="key-of-other-mode")
    request.mode, request.mode_is_given = mode, True
    structlog.contextvars.bind_contextvars(mode=mode.value)


def _invalid() -> Refused:
    return unauthorized("key-invalid", "the API key isn't valid: it is mistyped, replaced or revoked")

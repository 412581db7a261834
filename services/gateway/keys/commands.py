"""Makes, lists, rotates and revokes the API keys of one mode."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.recording import record
from services.gateway.http import request_context
from services.gateway.http.errors import conflict
from services.gateway.keys import repository
from services.gateway.keys.key_text import KeyText, digest_of, new_id, new_key
from services.gateway.keys.record_cache import RecordCache
from services.gateway.keys.repository import KeyRow
from services.gateway.keys.schemas import ApiKey, ApiKeySecret, KeyCreate, KeyRotation, shown
from services.gateway.mode_context import ModeContext
from shared.errors import Refused
from shared.subjects import Mode

_MOST_KEYS = 500
"""Keys of one mode: a bound for lists and caches, far above the machines of a company."""
_LONGEST_CREATOR = 200


class KeyCommands:
    """The keys of one mode. Raises Refused, DependencyUnavailable."""

    def __init__(self, context: ModeContext, cache: RecordCache) -> None:
        """`cache` is the verifier's, so that a change acts at once in this process."""
        self._context = context
        self._cache = cache

    async def create(self, request: KeyCreate) -> ApiKeySecret:
        """Make a key. Its secret is in the answer, and nowhere else."""
        async with self._context.database.begin() as connection:
            await repository.lock(connection)
            if await repository.count(connection) >= _MOST_KEYS:
                english = f"there are {_MOST_KEYS} API keys in this mode; revoke those that nothing uses any more"
                raise conflict("too-many-keys", english, most=_MOST_KEYS)
            return await add_key(connection, self._context.mode, request, _creator())

    async def list(self) -> list[ApiKey]:
        """All keys, the newest first."""
        async with self._context.database.begin() as connection:
            return [ApiKey(**shown(row)) for row in await repository.list_keys(connection)]

    async def rotate(self, key_id: str, request: KeyRotation) -> ApiKeySecret:
        """Give a key another secret. Its id, rights and expiry stay."""
        text = new_key(self._context.mode, key_id)
        until = datetime.now(UTC) + timedelta(minutes=request.overlap_minutes)
        async with self._context.database.begin() as connection:
            row = _found(await repository.rotate(connection, key_id, digest_of(text), until), key_id)
            await record(connection, "rotateApiKey", object_id=key_id, after={"previous_valid_until": until})
        self._forget(key_id)
        return ApiKeySecret(**shown(row), key=text)

    async def revoke(self, key_id: str) -> None:
        """End a key: here at once, in other copies of the gateway within `record_cache.OLDEST` seconds."""
        async with self._context.database.begin() as connection:
            row = _found(await repository.remove(connection, key_id), key_id)
            await record(connection, "revokeApiKey", object_id=key_id, before=_recorded(row))
        self._forget(key_id)

    def _forget(self, key_id: str) -> None:
        self._cache.forget(KeyText(self._context.mode, key_id))


async def add_key(connection: AsyncConnection, mode: Mode, request: KeyCreate, creator: str) -> ApiKeySecret:
    """Store a new key of `mode`; the key with its secret."""
    key_id = new_id()
    text = new_key(mode, key_id)
    values: dict[str, Any] = {
        "key_id": key_id,
        "name": request.name,
        "role": request.role.value,
        "tenants": request.stored_tenants,
        "digest": digest_of(text),
        "created_by": creator,
        "expires_at": datetime.now(UTC) + timedelta(days=request.expires_in_days),
    }
    row = await repository.add(connection, values)
    await record(connection, "createApiKey", object_id=key_id, after=_recorded(row))
    return ApiKeySecret(**shown(row), key=text)


def _recorded(row: KeyRow) -> dict[str, Any]:
    """A key as the audit trail has it."""
    return {name: value for name, value in shown(row).items() if name in ("name", "role", "tenants", "expires_at")}


def _creator() -> str:
    caller = request_context.current().caller
    return (caller.email or caller.subject)[:_LONGEST_CREATOR]


def _found(row: KeyRow | None, key_id: str) -> KeyRow:
    if row is None:
        raise Refused(
            f"there is no API key {key_id!r} in this mode; GET /api/v1/keys lists them",
            code="NOT_FOUND",
            details={"key_id": key_id},
            message_id="key-not-found",
        )
    return row

"""`/api/v1/keys`: API keys for machines, for administrators only."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from services.gateway.http.schemas import answers
from services.gateway.keys.commands import KeyCommands
from services.gateway.keys.record_cache import RecordCache
from services.gateway.keys.schemas import ApiKey, ApiKeySecret, KeyCreate, KeyRotation
from services.gateway.mode_context import CurrentMode

router = APIRouter(prefix="/keys", tags=["keys"])
KeyPath = Annotated[
    str, Path(pattern=r"^[0-9a-z]{1,20}$", description="The key's id, as lists have it", examples=["k3v9x2m4q8z1"])
]


async def _commands(request: Request, context: CurrentMode) -> KeyCommands:
    cache: RecordCache = request.app.state.keys.cache
    return KeyCommands(context, cache)


Commands = Annotated[KeyCommands, Depends(_commands)]


@router.post(
    "",
    status_code=201,
    summary="Create an API key",
    responses=answers("CONFLICT", "DATABASE_ERROR", body=True),
)
async def create_api_key(request: KeyCreate, commands: Commands, response: Response) -> ApiKeySecret:
    """The answer has the key, this once: only its hash is stored. An Idempotency-Key has no effect, for that reason."""
    return _unstored(response, await commands.create(request))


@router.get("", summary="List API keys", responses=answers("DATABASE_ERROR"))
async def list_api_keys(commands: Commands) -> list[ApiKey]:
    """All keys of the mode without their secrets, the newest first; at most 500."""
    return await commands.list()


@router.post(
    "/{key_id}/rotate", summary="Rotate an API key", responses=answers("NOT_FOUND", "DATABASE_ERROR", body=True)
)
async def rotate_api_key(
    key_id: KeyPath, commands: Commands, response: Response, request: KeyRotation | None = None
) -> ApiKeySecret:
    """A new secret for the same key. The previous one stays valid for `overlap_minutes`, at most until the expiry."""
    return _unstored(response, await commands.rotate(key_id, request or KeyRotation()))


@router.delete(
    "/{key_id}", status_code=204, summary="Revoke an API key", responses=answers("NOT_FOUND", "DATABASE_ERROR")
)
async def revoke_api_key(key_id: KeyPath, commands: Commands) -> None:
    """It ends at once, and within five seconds in other copies of the gateway. Open sockets are closed with 4401."""
    await commands.revoke(key_id)


def _unstored(response: Response, key: ApiKeySecret) -> ApiKeySecret:
    response.headers["Cache-Control"] = "no-store"
    return key

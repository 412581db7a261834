"""`/api/v1/settings`: the settings of the request's mode."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from services.gateway.http.etags import is_current
from services.gateway.http.parameters import Limit
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from services.gateway.mode_settings.model import SettingsChange
from services.gateway.settings_api.commands import SettingsCommands
from services.gateway.settings_api.queries import SettingsQueries, etag_of
from services.gateway.settings_api.schemas import Settings, SettingsHistory

router = APIRouter(prefix="/settings", tags=["settings"])
_LONGEST_TAG = {"maxLength": 8192}
_LARGEST = 2**62


async def _commands(context: CurrentMode) -> SettingsCommands:
    return SettingsCommands(context)


async def _queries(context: CurrentMode) -> SettingsQueries:
    return SettingsQueries(context)


Queries = Annotated[SettingsQueries, Depends(_queries)]


@router.get(
    "",
    summary="Get the settings",
    response_model=Settings,
    responses={
        **answers("DATABASE_ERROR"),
        304: {"description": "The settings are of the version that If-None-Match names"},
    },
)
async def get_settings(
    response: Response,
    queries: Queries,
    if_none_match: Annotated[
        str | None, Header(description="The ETag of an earlier answer", json_schema_extra={**_LONGEST_TAG})
    ] = None,
) -> Settings | Response:
    """The settings in effect. Each field's description tells where it acts."""
    settings = await queries.in_effect()
    etag = etag_of(settings.version)
    if is_current(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return settings


@router.put(
    "",
    summary="Change the settings",
    responses=answers("CONFLICT", "PRECONDITION_FAILED", "DATABASE_ERROR", body=True),
)
async def change_settings(
    change: SettingsChange,
    response: Response,
    commands: Annotated[SettingsCommands, Depends(_commands)],
    if_match: Annotated[
        str | None,
        Header(description="The ETag of the version that is changed", json_schema_extra={**_LONGEST_TAG}),
    ] = None,
) -> Settings:
    """Makes a new version: absent fields stay unchanged, null resets one. With If-Match, only over that version."""
    settings = await commands.change(change, if_match)
    response.headers["ETag"] = etag_of(settings.version)
    return settings


@router.get("/history", summary="List the versions of the settings", responses=answers("DATABASE_ERROR"))
async def list_settings_versions(
    queries: Queries,
    cursor: Annotated[int | None, Query(ge=1, le=_LARGEST, description="`next` of the page before")] = None,
    limit: Limit = 100,
) -> SettingsHistory:
    """Who made which version, the latest first."""
    return await queries.history(cursor, limit)


@router.get(
    "/{version}",
    summary="Get a version of the settings",
    responses=answers("NOT_FOUND", "DATABASE_ERROR"),
)
async def get_settings_version(
    version: Annotated[int, Path(ge=0, le=_LARGEST, description="The version; 0 are the defaults", examples=[1])],
    queries: Queries,
) -> Settings:
    """The settings of one version."""
    return await queries.version(version)

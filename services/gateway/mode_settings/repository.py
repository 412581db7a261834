"""Rows of `settings_versions`: they are only added and read."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.mode_settings.model import ModeSettings
from shared.database.tables import settings_versions


async def latest_version(connection: AsyncConnection) -> Row[Any] | None:
    """The version in effect, or None if the settings were never changed."""
    query = select(settings_versions).order_by(settings_versions.c.version.desc()).limit(1)
    return (await connection.execute(query)).one_or_none()


async def find_version(connection: AsyncConnection, version: int) -> Row[Any] | None:
    """One version."""
    query = select(settings_versions).where(settings_versions.c.version == version)
    return (await connection.execute(query)).one_or_none()


async def list_versions(connection: AsyncConnection, before: int | None, most: int) -> Sequence[Row[Any]]:
    """Versions, the latest first. `before` is the last one shown."""
    query = select(settings_versions).order_by(settings_versions.c.version.desc()).limit(most)
    if before is not None:
        query = query.where(settings_versions.c.version < before)
    return (await connection.execute(query)).all()


async def insert_version(connection: AsyncConnection, values: Mapping[str, Any]) -> Row[Any] | None:
    """Add a version; None if another transaction added this one."""
    statement = upsert(settings_versions).values(**values).on_conflict_do_nothing().returning(settings_versions)
    inserted: Row[Any] | None = (await connection.execute(statement)).one_or_none()
    return inserted


def settings_of(row: Row[Any] | None) -> ModeSettings:
    """The settings of a version; the defaults without one, or for what an older version of this program can't read."""
    if row is None:
        return ModeSettings()
    try:
        return ModeSettings.model_validate(row.content)
    except ValidationError:
        return ModeSettings()

"""Reads the settings and their history."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row

from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.mode_settings.model import ModeSettings
from services.gateway.mode_settings.repository import find_version, latest_version, list_versions, settings_of
from services.gateway.settings_api.schemas import Settings, SettingsHistory, SettingsVersion
from services.gateway.tenants.targets import TargetChoice
from shared.errors import Refused
from shared.messages import Sentence, sentence


class SettingsQueries:
    """Those of one mode. Each raises DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._context = context

    async def in_effect(self) -> Settings:
        """The latest version, or the defaults."""
        async with self._context.database.begin() as connection:
            row = await latest_version(connection)
        return shown(row, settings_of(row), self._context)

    async def version(self, version: int) -> Settings:
        """One version. Raises Refused (NOT_FOUND); version 0 are the defaults."""
        async with self._context.database.begin() as connection:
            row = await find_version(connection, version)
        if row is None and version != 0:
            message = f"there is no version {version} of the settings; GET /api/v1/settings/history lists them"
            raise Refused(message, code="NOT_FOUND", message_id="no-such-version", details={"version": version})
        return shown(row, settings_of(row), self._context)

    async def history(self, cursor: int | None, limit: int) -> SettingsHistory:
        """A page of the versions before `cursor`, the latest first."""
        async with self._context.database.begin() as connection:
            rows = await list_versions(connection, cursor, limit + 1)
        versions = [
            SettingsVersion(
                version=row.version, changed_by=row.changed_by, changed_at=row.changed_at, request_id=row.request_id
            )
            for row in rows[:limit]
        ]
        return SettingsHistory(versions=versions, next=versions[-1].version if len(rows) > limit else None)


def shown(row: Row[Any] | None, settings: ModeSettings, context: ModeContext) -> Settings:
    """A version as an answer, with notes in the request's language."""
    return Settings(
        kubernetes=settings.kubernetes,
        monitoring=settings.monitoring,
        version=row.version if row else 0,
        changed_by=row.changed_by if row else None,
        changed_at=row.changed_at if row else None,
        notes=translator().sentences(_without_effect(settings, context)),
    )


def etag_of(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"settings-{version}"'


def _without_effect(settings: ModeSettings, context: ModeContext) -> Iterator[Sentence]:
    method = settings.kubernetes.deployment_method
    possible = TargetChoice(context.mode, context.settings.has_kubernetes).possible
    if settings.target is not None and settings.target not in possible:
        english = "deployment_method {method} has no effect: this mode has no cluster of its own"
        yield sentence("settings-no-cluster", english, method=method)
    elif method is not None and settings.target is None:
        english = "deployment_method {method} is a record: tenants are deployed as by the mode's default"
        yield sentence("settings-record", english, method=method)

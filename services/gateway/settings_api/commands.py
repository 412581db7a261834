"""Changes the settings: a new version, and its row in the audit trail, in one transaction."""

from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.recording import record
from services.gateway.audit.worker_changes import author
from services.gateway.http import request_context
from services.gateway.http.errors import conflict
from services.gateway.http.etags import is_current
from services.gateway.mode_context import ModeContext
from services.gateway.mode_settings.model import ModeSettings, SettingsChange
from services.gateway.mode_settings.repository import insert_version, latest_version, settings_of
from services.gateway.settings_api.queries import etag_of, shown
from services.gateway.settings_api.schemas import Settings
from shared.errors import Refused
from shared.merge_patch import merge_patch

_log = structlog.get_logger(__name__)
_ATTEMPTS = 3
"""Attempts of a change without If-Match, if others change the settings meanwhile."""


class SettingsCommands:
    """Those of one mode. Each raises Refused, or DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._context = context

    async def change(self, change: SettingsChange, if_match: str | None) -> Settings:
        """Make a new version, unless nothing changes. Raises Refused (PRECONDITION_FAILED) over another version."""
        for _ in range(_ATTEMPTS):
            async with self._context.database.begin() as connection:
                row = await latest_version(connection)
                _check_version(row, if_match)
                before = settings_of(row)
                after = changed(before, change)
                if after == before:
                    self._context.mode_settings.forget()  # another replica may have made this version
                    return shown(row, before, self._context)
                written = await self._write(connection, row, before, after)
            if written is not None:
                self._context.mode_settings.forget()
                _log.info(f"Settings changed to version {written.version}", action="settings-changed")
                return shown(written, after, self._context)
        raise conflict(
            "settings-changed-by-others", "the settings are being changed by others; read them, and try again"
        )

    async def _write(
        self, connection: AsyncConnection, row: Row[Any] | None, before: ModeSettings, after: ModeSettings
    ) -> Row[Any] | None:
        request = request_context.current()
        values = {
            "version": row.version + 1 if row else 1,
            "content": after.model_dump(mode="json"),
            "changed_by": author(),
            "request_id": request.request_id,
        }
        written = await insert_version(connection, values)
        if written is not None:
            await record(
                connection,
                "changeSettings",
                object_id=f"settings-{written.version}",
                before=before.model_dump(mode="json"),
                after=after.model_dump(mode="json"),
            )
        return written


def changed(settings: ModeSettings, change: SettingsChange) -> ModeSettings:
    """The settings after a change."""
    patch = change.model_dump(mode="json", exclude_unset=True)
    return ModeSettings.model_validate(merge_patch(settings.model_dump(mode="json"), patch))


def _check_version(row: Row[Any] | None, if_match: str | None) -> None:
    version = row.version if row else 0
    if if_match is not None and not is_current(if_match, etag_of(version)):
        raise Refused(
            f"the settings are of version {version} by now; read them again, and change that version",
            code="PRECONDITION_FAILED",
            details={"version": version},
        )

"""The settings in effect, for the operations whose defaults they are: read once a second, and not for each request."""

from services.gateway.mode_settings.model import ModeSettings
from services.gateway.mode_settings.repository import latest_version, settings_of
from shared.database import Database
from shared.fresh import Fresh

_SECONDS = 1.0
"""Until a change by another replica acts here."""


class SettingsInEffect:
    """Those of one mode."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh = Fresh(self._read, _SECONDS)

    async def get(self) -> ModeSettings:
        """The settings. Raises DependencyUnavailable while PostgreSQL is away."""
        return await self._fresh.get("")

    def forget(self) -> None:
        """Read them again, because they were changed here."""
        self._fresh = Fresh(self._read, _SECONDS)

    async def _read(self, _: str) -> ModeSettings:
        async with self._database.begin() as connection:
            return settings_of(await latest_version(connection))

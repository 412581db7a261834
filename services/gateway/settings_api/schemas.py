"""The settings as the API shows them."""

from pydantic import AwareDatetime, Field

from services.gateway.mode_settings.model import ModeSettings
from shared.tenants import Model


class Settings(ModeSettings):
    """One version of the settings."""

    version: int = Field(examples=[3])
    """0: the defaults, which were never changed. Its ETag is `"settings-<version>"`."""
    changed_by: str | None
    """The caller who made this version."""
    changed_at: AwareDatetime | None
    notes: list[str]
    """Which of these settings have no effect here, and why."""


class SettingsVersion(Model):
    """A version in the history."""

    version: int
    changed_by: str
    changed_at: AwareDatetime
    request_id: str
    """As in the audit trail, which has the changed fields."""


class SettingsHistory(Model):
    """A page of the versions, the latest first."""

    versions: list[SettingsVersion]
    next: int | None
    """The `cursor` of the next page; null: this is the last one."""

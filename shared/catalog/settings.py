"""The catalogue's location: the only part of it that reads the environment."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class CatalogSettings(BaseSettings):
    """Settings of the catalogue."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    catalog_path: Path | None = None
    """CATALOG_PATH: a directory with services, gpus, prices, presets or quality (.yaml) of one's own."""

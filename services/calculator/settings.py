"""What the calculator reads from its environment, beside the catalogue's `CATALOG_PATH`."""

from fractions import Fraction

from pydantic import Field

from shared.settings import BusSettings


class Settings(BusSettings):
    """The calculator's settings."""

    port: int = Field(default=8011, ge=1, le=65535)
    krw_per_usd: Fraction | None = Field(default=None, gt=0, le=1_000_000)
    """KRW_PER_USD: won for a dollar, as 1385.5. None takes the catalogue's."""

"""The calculator's environment variables, besides the catalogue's `CATALOG_PATH`."""

from fractions import Fraction

from pydantic import Field

from shared.settings import BusSettings


class CalculatorSettings(BusSettings):
    """The calculator's settings."""

    port: int = Field(default=8011, ge=1, le=65535)
    """The port of `/health`, `/ready` and `/metrics`."""
    krw_per_usd: Fraction | None = Field(default=None, gt=0, le=1_000_000)
    """Won for a US dollar, such as 1385.5. Unset: the catalogue's rate."""

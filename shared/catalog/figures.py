"""Figures with their source, read exactly: `6.5` is thirteen halves, not the nearest binary fraction."""

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Confidence(StrEnum):
    """How far a figure can be trusted, best first."""

    MEASURED = "measured"
    """By us."""
    PUBLISHED = "published"
    """By its vendor, or by an independent measurement."""
    PREDECESSOR = "predecessor"
    """The predecessor's, whose measurements aren't known."""
    ESTIMATE = "estimate"


class CatalogRecord(BaseModel):
    """Base of the catalogue's models. A misspelt field is an error: it would be a figure without effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _written_exactly(value: Any) -> Any:
    """A YAML float as the decimal that was written."""
    return str(value) if isinstance(value, float) else value


Exact = Annotated[Fraction, BeforeValidator(_written_exactly), Field(gt=0)]
"""A positive number, kept exactly; written as 20, 6.5 or 1000/39."""


class Sourced(CatalogRecord):
    """Base of what needs a source."""

    source: str = Field(min_length=1)
    confidence: Confidence


class Figure(Sourced):
    """One number. Its unit is documented where it is used."""

    value: Exact


class Count(Sourced):
    """A whole number of something."""

    value: int = Field(ge=1)

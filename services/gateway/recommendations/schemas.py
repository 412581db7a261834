"""Recommendations: what was used, and what should be requested."""

from pydantic import Field

from shared.rpc import Recommendation, Usage
from shared.tenants import Model


class RecommendationAsked(Model):
    """What to go by. An empty body takes what the monitor has stored."""

    usage: dict[str, Usage] = Field(
        default_factory=dict,
        max_length=50,
        examples=[{"stt": {"cpu_m": [1200, 1850, 1700], "memory_mib": [3000, 3900, 3600], "ooms": 0}}],
    )
    """By service: samples of what one replica used."""
    hours: int = Field(default=192, ge=1, le=720)
    """How far to look back, without `usage`: eight days, so that every day of the week is in."""


class TenantRecommendation(Recommendation):
    tenant_id: str
    basis: str = Field(examples=["request"])
    """Where the samples come from: the request, or the monitor."""

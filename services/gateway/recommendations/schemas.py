"""Recommendations: the measured use, and the requests that follow from it."""

from pydantic import ConfigDict, Field

from services.gateway.http.schemas import NotAnswered
from shared.rpc import Recommendation, ServiceRecommendation, Usage
from shared.tenants import Model


class RecommendationAsked(Model):
    """The use to recommend from. With an empty body it is what the monitor has stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"usage": {"stt": {"cpu_m": [1200, 1850, 1700], "memory_mib": [3000, 3900, 3600], "ooms": 0}}}]
        }
    )

    usage: dict[str, Usage] = Field(
        default_factory=dict,
        max_length=50,
        examples=[{"stt": {"cpu_m": [1200, 1850, 1700], "memory_mib": [3000, 3900, 3600], "ooms": 0}}],
    )
    """Samples of the use of one replica, by service."""
    hours: int = Field(default=192, ge=1, le=720)
    """The hours to look back without `usage`. The default is eight days, which include every day of the week."""


class RecommendedRequests(ServiceRecommendation):
    """The recommendation for one service."""

    cpu_reason_messages: NotAnswered = ()
    memory_reason_messages: NotAnswered = ()


class TenantRecommendation(Recommendation):
    """The calculator's recommendation for a tenant. Texts are in the language of `Accept-Language`."""

    services: tuple[RecommendedRequests, ...]
    """Those that were observed."""
    warning_messages: NotAnswered = ()

    tenant_id: str
    basis: str = Field(examples=["request"])
    """The origin of the samples: the request, or the monitor."""

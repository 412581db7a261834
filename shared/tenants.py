"""What a tenant asks for: the part of the contract that REST bodies and events share.

Strict inside: models are frozen and typed. Tolerant at the edge: unknown fields are ignored, so that an older
service reads a newer one's events. Values of the documented form (`"99.9%"`, `"200ms"`) are kept as
they were written, and read through properties.
"""

import re
import unicodedata
from typing import Annotated, Any, LiteralString, NewType
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from shared.choices import ClusterOptions
from shared.choices.names import as_text
from shared.choices.services import OptionsByService
from shared.model import Model

__all__ = [
    "DEFAULT_AVAILABILITY",
    "DEFAULT_RESPONSE_TIME",
    "NAMESPACE_PREFIX",
    "RESERVED_TENANT_IDS",
    "Availability",
    "DeploymentId",
    "Duration",
    "GpuType",
    "Model",
    "ServiceRequirements",
    "Sessions",
    "SlaTarget",
    "TenantId",
    "TenantSpec",
    "TimeZone",
    "check_tenant_id",
    "check_time_zone",
    "number_in_text",
    "parse_duration",
]

TenantId = NewType("TenantId", str)
DeploymentId = NewType("DeploymentId", str)

NAMESPACE_PREFIX = "ecp-ai-"
RESERVED_TENANT_IDS = frozenset({"system", "validate-manifest", "calculate-resources", "check-duplicate"})
DEFAULT_AVAILABILITY = "99.5%"
DEFAULT_RESPONSE_TIME = "200ms"

_TENANT_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?")
_PERCENT = re.compile(r"(\d{1,2}(?:\.\d{1,6})?)\s*%?", re.ASCII)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h)", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_DURATION = 7 * 24 * 3600.0
"""Seconds. No answer that a caller waits for takes longer."""
SHORTEST_DURATION = 0.001
_SHOWN = 50
"""Characters of a refused value in an error."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's control, formatting and surrogate characters: they make a name look like another."""


def check_tenant_id(value: str) -> str:
    """A DNS-1123 label of at most 50 characters, because it names the namespace `ecp-ai-<id>`; some are reserved."""
    if not _TENANT_ID.fullmatch(value):
        raise PydanticCustomError(
            "not_a_tenant_id",
            "must be 1 to 50 lower-case letters, digits or '-', beginning and ending with a letter or digit",
        )
    if value in RESERVED_TENANT_IDS:
        raise _unfit("reserved", "{value} is reserved; choose another id", value)
    return value


def parse_duration(value: str) -> float:
    """Seconds of a documented duration such as `200ms`, `5m` or `1h`; ValueError names what is possible."""
    match = _DURATION.fullmatch(value.strip())
    if not match or float(match[1]) == 0:
        english = "{value} is not a duration: write a positive number and a unit, as 150ms, 30s, 5m or 1h"
        raise _unfit("not_a_duration", english, value)
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not SHORTEST_DURATION <= seconds <= LONGEST_DURATION:
        raise _unfit("duration_out_of_range", "{value} is out of range: from 1ms to 168h", value)
    return seconds


def _check_availability(value: str) -> str:
    match = _PERCENT.fullmatch(value.strip())
    if not match or not 0 < float(match[1]) < 100:
        english = "{value} is not an availability: write a percentage above 0% and below 100%, as 99.9%"
        raise _unfit("not_an_availability", english, value)
    return f"{match[1]}%"


def _check_duration(value: str) -> str:
    parse_duration(value)
    return value.strip()


def check_time_zone(value: str) -> str:
    """IANA's name of a time zone, as `Asia/Seoul`. Raises ValueError otherwise."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        english = "{value} is not a time zone: write its IANA name, as Asia/Seoul or UTC"
        raise _unfit("not_a_time_zone", english, value) from error
    return value


def _unfit(kind: LiteralString, english: LiteralString, value: str) -> PydanticCustomError:
    """A ValueError that names the start of the refused value."""
    return PydanticCustomError(kind, english, {"value": repr(value[:_SHOWN])})


def number_in_text(value: Any) -> Any:
    """The number in a text such as `"50"`, as forms and spreadsheets send it; any other value as it is."""
    return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()) else value


def _without_zeros(services: dict[str, int]) -> dict[str, int]:
    """Without services of 0 sessions: forms list all services, and a tenant has those that it needs."""
    asked = {service: sessions for service, sessions in services.items() if sessions != 0}
    if not asked:
        raise PydanticCustomError("no_sessions", "must have at least one service with 1 session or more")
    return asked


def _none_for_auto(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() == "auto" else value


Sessions = Annotated[int, Field(strict=True), BeforeValidator(number_in_text)]
ServiceRequirements = Annotated[dict[str, Sessions], Field(min_length=1, max_length=50), AfterValidator(_without_zeros)]
"""Concurrent sessions by service, e.g. `{"callbot": 50}`; names and limits are the catalogue's."""
GpuType = Annotated[str | None, BeforeValidator(_none_for_auto)]
"""None, or `auto`, leaves the choice to the sizing."""
# The validators' own texts are clearer than a pattern's: the documents of the API have it all the same.
Availability = Annotated[
    str,
    BeforeValidator(as_text),
    AfterValidator(_check_availability),
    Field(json_schema_extra={"pattern": rf"^\s*{_PERCENT.pattern}\s*$"}),
]
Duration = Annotated[
    str, AfterValidator(_check_duration), Field(json_schema_extra={"pattern": rf"^\s*{_DURATION.pattern}\s*$"})
]
TimeZone = Annotated[str, AfterValidator(check_time_zone), Field(max_length=50)]


class SlaTarget(Model):
    """What the tenant was promised."""

    availability: Availability = DEFAULT_AVAILABILITY
    response_time: Duration = DEFAULT_RESPONSE_TIME
    concurrent_users: (
        Annotated[int, Field(ge=1, le=10_000_000, strict=True), BeforeValidator(number_in_text)] | None
    ) = None
    time_zone: TimeZone | None = None
    """Where the days and months of the SLA begin; None is UTC."""

    @property
    def availability_ratio(self) -> float:
        """Between 0 and 1: `99.5%` is 0.995."""
        return float(self.availability.rstrip("%")) / 100

    @property
    def response_time_seconds(self) -> float:
        return parse_duration(self.response_time)


class TenantSpec(Model):
    """Everything that sizing and rendering need to know of a tenant."""

    tenant_id: Annotated[
        str, AfterValidator(check_tenant_id), Field(json_schema_extra={"pattern": rf"^{_TENANT_ID.pattern}$"})
    ]
    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        default_factory=lambda fields: fields["tenant_id"]
    )
    """By default the id."""
    service_requirements: ServiceRequirements
    sla_target: SlaTarget = SlaTarget()
    preset: str | None = None
    """None takes the calculator's recommendation."""
    gpu_type: GpuType = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    service_options: OptionsByService = Field(default_factory=dict)
    """What is chosen for single services: image, environment, replicas, autoscaling, resources, health paths."""
    cluster_options: ClusterOptions = ClusterOptions()
    """What is chosen for the cluster: registry, storage, placement, ingress, labels."""

    @property
    def namespace(self) -> str:
        return f"{NAMESPACE_PREFIX}{self.tenant_id}"

    @field_validator("name", "description")
    @classmethod
    def _no_control_characters(cls, value: str | None) -> str | None:
        if value is not None and any(unicodedata.category(c) in _INVISIBLE and c not in "\n\t" for c in value):
            raise PydanticCustomError(
                "invisible_characters", "must not contain control or invisible formatting characters"
            )
        return value

    @field_validator("name")
    @classmethod
    def _is_not_blank(cls, value: str) -> str:
        if not value.strip():
            raise PydanticCustomError("blank", "must not be blank")
        return value

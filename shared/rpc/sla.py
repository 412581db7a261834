"""What the monitor answers: `rpc.sla_report` and `rpc.maintenance`."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from shared.events import ErrorBudget
from shared.tenants import Model, TimeZone


class SlaReportRequest(Model):
    """`rpc.sla_report`: how has a tenant fared? Answered with a `SlaReport`."""

    tenant_id: str
    period: str = "month"
    """`day`, `week`, `month` of the calendar, or the last so many hours or days: `24h`, `7d`."""
    day: date | None = None
    """A day in the calendar's period; None is today."""
    rolling: bool = False
    """The last day, week or month instead of the calendar's."""
    time_zone: TimeZone | None = None
    """IANA's name; None is the tenant's own, and UTC if it has none."""
    target: Annotated[float, Field(gt=0, lt=100)] | None = None
    """In percent; None is what the tenant was promised."""
    by: Literal["time", "requests"] = "time"


class SlaFigures(Model):
    """A window of time. Seconds add up to `until - since`; availability is None where nothing is known."""

    since: AwareDatetime
    until: AwareDatetime
    availability: float | None
    status: Literal["meeting", "violated", "unknown"]
    up_seconds: float
    downtime_seconds: float
    unknown_seconds: float
    maintenance_seconds: float
    failures: int
    mttr_seconds: float | None
    mtbf_seconds: float | None


class SlaRequests(Model):
    """The same by requests. With low traffic the status is unknown."""

    total: float
    bad: float
    availability: float | None
    status: Literal["meeting", "violated", "unknown"]
    is_low_traffic: bool


class SlaService(SlaFigures):
    """One service of a tenant."""

    service: str


class SlaFailure(Model):
    """A stretch of downtime. `end` is None while it lasts; `seconds` are those that were seen down."""

    start: AwareDatetime
    end: AwareDatetime | None
    seconds: float


class SlaPart(Model):
    """An hour or a day of the period. Nothing of it is known where availability is None."""

    start: AwareDatetime
    end: AwareDatetime
    availability: float | None
    downtime_seconds: float
    unknown_seconds: float
    maintenance_seconds: float


class SlaMaintenance(Model):
    """A planned window, which doesn't count."""

    id: int
    tenant_id: str | None
    """None is every tenant's."""
    start: AwareDatetime
    end: AwareDatetime
    reason: str


class SlaReport(Model):
    """How a tenant has fared in a period."""

    tenant_id: str
    name: str | None
    period: str
    rolling: bool
    time_zone: str
    start: AwareDatetime
    end: AwareDatetime
    """The period's; it may not have passed yet."""
    reported_at: AwareDatetime
    target: float
    """In percent."""
    by: Literal["time", "requests"]
    figures: SlaFigures | None
    """None if the tenant wasn't up before the period's end."""
    requests: SlaRequests | None
    """None unless asked for, or where requests aren't counted."""
    error_budget: ErrorBudget
    burn_rates: dict[str, float | None]
    services: tuple[SlaService, ...]
    parts: tuple[SlaPart, ...]
    failures: tuple[SlaFailure, ...]
    """The latest ones, at most 200."""
    maintenance: tuple[SlaMaintenance, ...]
    notes: tuple[str, ...]
    """What a reader must know to judge the figures: how much is unknown, that traffic was low."""


class AnnouncedWindow(Model):
    """Planned work, between two moments. It can be announced only before it begins."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "start": "2099-01-10T02:00:00+09:00",
                    "end": "2099-01-10T04:00:00+09:00",
                    "reason": "Upgrade of the nodes",
                }
            ]
        }
    )

    start: AwareDatetime
    end: AwareDatetime
    reason: Annotated[str, Field(max_length=500)] = ""


class MaintenanceRequest(Model):
    """`rpc.maintenance`: announce a window, cancel one, or list them. Answered with `MaintenanceReply`."""

    tenant_id: str
    announce: AnnouncedWindow | None = None
    cancel: int | None = None
    """The id of a window."""


class MaintenanceReply(Model):
    """A tenant's windows, the latest first."""

    tenant_id: str
    windows: tuple[SlaMaintenance, ...]

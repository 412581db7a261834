"""What is measured, and what follows from it for a tenant's SLA."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.events.base import Event
from shared.subjects import Subject
from shared.tenants import Model


class Moment(Model):
    """What was measured at one time."""

    time: AwareDatetime
    values: dict[str, float]


class MetricsCollected(Event):
    """Samples of one tenant at one moment, in percent unless the name has another unit; `available` is 1 or 0."""

    subject = Subject.METRICS_COLLECTED
    time: AwareDatetime
    values: dict[str, float]
    source: str
    services: dict[str, bool] = Field(default_factory=dict)
    """Whether each workload has its minimum ready, as the sampler of the cluster sees it; unknown ones are left out."""
    earlier: tuple[Moment, ...] = Field(default=(), exclude_if=lambda value: not value)
    """Earlier moments, if several are published in one event."""

    @property
    def moments(self) -> tuple[Moment, ...]:
        """All moments in the order in which they were published."""
        return (*self.earlier, Moment(time=self.time, values=self.values))


class TenantSample(Model):
    """What was measured of one tenant, as in `metrics.collected`."""

    tenant_id: str
    values: dict[str, float]
    services: dict[str, bool] = Field(default_factory=dict, exclude_if=lambda value: not value)


class MetricsSampled(Event):
    """Samples of many tenants at one moment, as the monitor takes them: those of a cluster in as few events as fit."""

    subject = Subject.METRICS_SAMPLED
    tenant_id: str = Field(default="", exclude_if=lambda value: not value)
    """Empty: the event is about many tenants."""
    time: AwareDatetime
    source: str
    samples: tuple[TenantSample, ...]


class ErrorBudget(Model):
    """How much downtime a period allows, and how much of it is gone."""

    allowed_seconds: float
    spent_seconds: float
    left_percent: float
    """Negative when more was spent than allowed."""
    exhausts_at: AwareDatetime | None = None
    """When it was used up, or will be if the last day goes on like this; None if it lasts."""


class ServiceReadiness(Model):
    """One service as it was seen last."""

    up: bool | None
    """None where that is unknown, or nothing is asked of it."""
    ready: int
    needed: int
    """As many must be ready for it to be up."""
    wanted: int
    """Replicas that were deployed, or that it is scaled to."""
    is_due: bool = True
    """False while it starts for the first time, or rests."""
    is_missing: bool = False
    """Whether its Deployment or StatefulSet was deployed and isn't there."""


class SlaReported(Event):
    """Availability so far. Percentages; `unknown` time counts neither as up nor as down and is shown."""

    subject = Subject.SLA_REPORTED
    time: AwareDatetime
    since: AwareDatetime
    availability: float | None = None
    """None where nothing is known."""
    target: float
    status: Literal["meeting", "violated", "unknown"]
    downtime_seconds: float
    observed_seconds: float
    failures: int
    unknown_seconds: float = 0
    maintenance_seconds: float = 0
    mttr_seconds: float | None = None
    mtbf_seconds: float | None = None
    error_budget: ErrorBudget | None = None
    """Of the last 30 days."""
    burn_rates: dict[str, float | None] = Field(default_factory=dict)
    """By window (`1h`): 1 uses the budget up just at the period's end; None where nothing is known."""
    services: dict[str, ServiceReadiness] = Field(default_factory=dict)
    """As they were sampled last."""

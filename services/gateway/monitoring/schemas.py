"""Posted measurements, and series of stored ones."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, FiniteFloat

from shared.measuring import LARGEST, METRIC_NAME, time_problem, value_problem
from shared.messages import sentence, unfit
from shared.tenants import Model

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
MetricName = Annotated[str, Field(pattern=METRIC_NAME, max_length=50)]


def _utc(value: datetime) -> datetime:
    """A time without a zone is UTC: the guides' client sends `utcnow().isoformat()`."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if problem := time_problem(aware):
        raise unfit(problem)
    return aware.astimezone(UTC)


def _number(value: object) -> object:
    """Text is accepted if it is a number: exporters of spreadsheets and shells send that."""
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value.strip())):
        raise unfit(sentence("value-not_a_number", "must be a number"))
    return value


def _storable(value: float) -> float:
    if problem := value_problem(value):
        raise unfit(problem)
    return value


MetricValue = Annotated[
    FiniteFloat,
    BeforeValidator(_number),
    AfterValidator(_storable),
    Field(json_schema_extra={"minimum": -LARGEST, "maximum": LARGEST}),
]
MeasuredAt = Annotated[datetime, AfterValidator(_utc)]


class MetricsPoint(Model):
    """The metrics of a tenant at one time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"metrics": {"cpu_usage": 65.5, "memory_usage": 78.2, "response_time": 145.8, "error_rate": 0.02}}
            ]
        }
    )

    timestamp: MeasuredAt | None = None
    """UTC if it has no zone; null: now."""
    metrics: dict[MetricName, MetricValue] = Field(min_length=1, max_length=200)


class MetricsPoints(Model):
    """All points of one call."""

    points: tuple[MetricsPoint, ...]


class MetricsAccepted(Model):
    """The accepted measurements."""

    tenant_id: str
    accepted: int
    """The number of values: one for each metric and time."""
    timestamp: AwareDatetime
    """The latest time that was sent."""
    metrics: dict[str, float]
    """The values of that time, under the names that they are stored with: `cpu_usage` is `cpu`."""


class TimeRange(Model):
    """The period of an answer."""

    start: AwareDatetime
    end: AwareDatetime


class SeriesPoint(Model):
    """The mean of one interval."""

    timestamp: AwareDatetime
    value: float


class MonitoringData(Model):
    """Series by metric, with their means and maxima."""

    tenant_id: str
    time_range: TimeRange
    metrics: dict[str, list[SeriesPoint]]
    summary: dict[str, float] = Field(examples=[{"avg_cpu": 66.8, "max_cpu": 89.2}])

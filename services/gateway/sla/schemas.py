"""Answers about an SLA besides the report itself, which is the monitor's."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.events import ErrorBudget
from shared.rpc import SlaMaintenance, SlaReport
from shared.tenants import Model


class MaintenanceWindows(Model):
    """The maintenance windows that concern a tenant."""

    tenant_id: str
    windows: tuple[SlaMaintenance, ...]


class SlaAnalysis(Model):
    """The fields that the simulator's guide documents. Percentages are null if they are unknown."""

    tenant_id: str
    current_sla: float | None = Field(examples=[99.7])
    target_sla: float = Field(examples=[99.5])
    status: Literal["meeting", "violated", "unknown"]
    uptime_percentage: float | None = Field(examples=[99.7])
    failure_count: int
    recovery_time_avg: float | None = Field(examples=[125.5])
    """Seconds; null without a failure."""
    downtime_minutes: float
    unknown_minutes: float
    period: str


class SlaAnswer(Model):
    """The monitor's last report. Percentages; null before the first report."""

    tenant_id: str
    status: Literal["meeting", "violated", "unknown"]
    availability: float | None
    target: float
    since: AwareDatetime | None
    time: AwareDatetime | None
    downtime_seconds: float
    observed_seconds: float
    failures: int
    unknown_seconds: float = 0
    """Neither up nor down: it couldn't be observed, or the tenant had no requests."""
    maintenance_seconds: float = 0
    mttr_seconds: float | None = None
    mtbf_seconds: float | None = None
    error_budget: ErrorBudget | None = None
    """Of the last 30 days."""
    burn_rates: dict[str, float | None] = Field(default_factory=dict, examples=[{"1h": 0.0, "6h": 0.4}])


def analysis_of(report: SlaReport) -> SlaAnalysis:
    """The analysis of a report.

    `current_sla` leaves unknown time out; `uptime_percentage` is the share of the time that was certainly up.
    """
    figures = report.figures
    passed = (figures.until - figures.since).total_seconds() - figures.maintenance_seconds if figures else 0
    return SlaAnalysis(
        tenant_id=report.tenant_id,
        current_sla=figures.availability if figures else None,
        target_sla=report.target,
        status=figures.status if figures else "unknown",
        uptime_percentage=100 * figures.up_seconds / passed if figures and passed > 0 else None,
        failure_count=figures.failures if figures else 0,
        recovery_time_avg=figures.mttr_seconds if figures else None,
        downtime_minutes=round(figures.downtime_seconds / 60, 2) if figures else 0,
        unknown_minutes=round(figures.unknown_seconds / 60, 2) if figures else 0,
        period=report.period,
    )

"""What is answered about an SLA besides the report itself, which is the monitor's."""

from typing import Literal

from pydantic import Field

from shared.rpc import SlaMaintenance, SlaReport
from shared.tenants import Model


class MaintenanceWindows(Model):
    tenant_id: str
    windows: tuple[SlaMaintenance, ...]


class SlaAnalysis(Model):
    """The simulator guide's fields. Percentages are null where nothing is known."""

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


def analysis_of(report: SlaReport) -> SlaAnalysis:
    """`current_sla` leaves out what is unknown; `uptime_percentage` is the part of the time that was surely up."""
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

"""How a deployment stands as a whole, and whether a pipeline's report agrees with that. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from shared.events import Operation, ServiceReadiness
from shared.events.statuses import ENDED
from shared.messages import Sentence, sentence

OverallStatus = Literal["ready", "pending", "failed", "cancelled", "stopped"]
ReportedStatus = Literal["pending", "deploying", "completed", "failed", "rolled_back", "cancelled"]
_IN_PROGRESS = frozenset({"pending", "deploying"})
_SKEW = timedelta(minutes=5)
"""Clocks of other machines may differ by this much."""


class Report(NamedTuple):
    """What a pipeline has reported."""

    status: str
    deployed_at: datetime | None
    received_at: datetime


def overall_status(operation: str, status: str, services: Mapping[str, ServiceReadiness]) -> OverallStatus:
    """`ready` if the operation did what was requested and no service is down, as the monitor reports them."""
    if status == "failed" or (operation, status) == ("deploy", "rolled_back"):
        return "failed"
    if status == "cancelled":
        return "cancelled"
    if status in _IN_PROGRESS or status == "superseded" or operation == Operation.DELETE or down(services):
        return "pending"
    return "stopped" if operation == Operation.STOP else "ready"


def contradiction(report: Report, deployment: Any | None, services: Mapping[str, ServiceReadiness]) -> Sentence | None:
    """In which point a report disagrees with what is observed; None if in none.

    Args:
        report: the latest report.
        deployment: the row of the deployment that it concerns; None if there is none of ours.
        services: the services as of the monitor's last report.
    """
    if deployment is not None and report.deployed_at and report.deployed_at < deployment.created_at - _SKEW:
        english = "deployed_at is before the {operation} was requested ({requested})"
        requested = f"{deployment.created_at:%Y-%m-%dT%H:%M:%SZ}"
        return sentence("report-before-request", english, operation=deployment.operation, requested=requested)
    if deployment is not None and not _agree(report, deployment):
        english = "{reported} was reported, but the {operation} is {status}"
        return sentence(
            "report-of-another-status",
            english,
            reported=report.status,
            operation=deployment.operation,
            status=deployment.status,
        )
    if report.status == "completed" and (missing := down(services)):
        english = "completed was reported, but services are down: {services}"
        return sentence("report-of-down-services", english, services=", ".join(missing))
    return None


def down(services: Mapping[str, ServiceReadiness]) -> list[str]:
    """The names of services that are down."""
    return [name for name, each in services.items() if each.up is False]


def _agree(report: Report, deployment: Any) -> bool:
    if report.status in _IN_PROGRESS:
        # A report from before the end is only old.
        ended = deployment.finished_at if deployment.status in ENDED else None
        return ended is None or bool(report.received_at <= ended)
    if deployment.status == "rolled_back":
        undone = deployment.operation == "deploy"
        return report.status in (("rolled_back", "failed") if undone else ("rolled_back", "completed"))
    return bool(report.status == deployment.status)

"""Bodies and answers about incidents."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from shared.alerts.rule import Severity
from shared.rpc.incidents import Comment, IncidentCost, Person, Title
from shared.tenants import Model

Status = Literal["open", "acknowledged", "closed"]
_Why = Annotated[Comment | None, Field(description="Why: it becomes part of the timeline")]


class NewIncident(Model):
    """An incident that no alert tells of, such as one that a customer reported."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant_id": "my-ai-service",
                    "title": "Callers hear no voice",
                    "severity": "critical",
                    "comment": "Three customers have called",
                }
            ]
        }
    )

    tenant_id: Annotated[str, Field(min_length=1, max_length=100)]
    title: Title
    severity: Severity = "warning"
    comment: _Why = None


class WithComment(Model):
    """An act with an optional comment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"comment": "I look into it"}]})

    comment: _Why = None


class NewComment(Model):
    """A comment, which becomes part of the timeline."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"comment": "The node's disk was full"}]})

    comment: Comment


class Assignment(Model):
    """Who takes care of an incident."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"assignee": "kim@example.com"}]})

    assignee: Annotated[Person | None, Field(description="null: no one any longer")]
    comment: _Why = None


class SeverityChange(Model):
    """Another severity, which stands until an alert is more urgent than all before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"severity": "info", "comment": "Only the test line"}]})

    severity: Severity
    comment: _Why = None


class IncidentSummary(Model):
    """An incident in a list."""

    incident_id: str = Field(examples=["incident-0123456789ab"])
    tenant_id: str
    title: str
    severity: Severity
    status: Status
    opened_at: AwareDatetime
    opened_by: str
    """`ecp` for one that follows from alerts."""
    acknowledged_at: AwareDatetime | None
    acknowledged_by: str | None
    assignee: str | None
    closed_at: AwareDatetime | None
    closed_by: str | None
    """null: it closed by itself, when its last alert was resolved."""
    merged_into: str | None
    """The incident with the same cause that it became part of."""
    alerts: int
    firing: int


class IncidentList(Model):
    """Incidents, the newest first."""

    incidents: list[IncidentSummary]
    total_count: int


class IncidentAlert(Model):
    """An alert of an incident."""

    alert_id: str
    fingerprint: str
    name: str
    severity: Severity
    state: Literal["firing", "resolved"]
    summary: str
    condition: str
    value: float | None
    labels: dict[str, str]
    runbook: str | None
    first_at: AwareDatetime
    """When it fired first in this incident; `fired_at` is the last time."""
    fired_at: AwareDatetime
    resolved_at: AwareDatetime | None
    firings: int
    muted_by: str | None
    """The silence or maintenance window that mutes it."""
    inhibited_by: str | None
    """The fingerprint of the alert that explains it: only that one is notified of."""


class TimelineEntry(Model):
    """A line of the timeline."""

    time: AwareDatetime
    kind: str = Field(examples=["acknowledged"])
    author: str
    """A caller; `ecp` for what happens by itself."""
    text: str
    comment: str | None = None


class IncidentDetail(IncidentSummary):
    """An incident with its alerts and its timeline, the oldest line first."""

    severity_by: str | None
    """Who set the severity; null: it is that of its alerts."""
    alert_list: list[IncidentAlert]
    """At most 500, those that fire first."""
    timeline: list[TimelineEntry]
    """At most the last 2,000 lines."""


class IncidentOperation(Model):
    """What was done to the tenant while the incident lasted, or in the half hour before."""

    deployment_id: str
    operation: str
    status: str
    message: str
    requested_at: AwareDatetime
    finished_at: AwareDatetime | None


class PostMortem(Model):
    """What fired, what was done, and what it cost."""

    incident: IncidentDetail
    minutes: float
    """From opening to closing, or so far."""
    minutes_to_acknowledge: float | None
    cost: IncidentCost
    operations: list[IncidentOperation]
    time_zone: str
    """Of the times on the printable page."""

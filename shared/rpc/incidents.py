"""What the monitor answers about incidents: `rpc.incidents` changes one, `rpc.incident_cost` tells what it cost.

The gateway reads incidents in the monitor's tables.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from shared.alerts.rule import Severity
from shared.tenants import Model

Person = Annotated[str, Field(min_length=1, max_length=255, pattern=r"\S")]
Title = Annotated[str, Field(min_length=1, max_length=300, pattern=r"\S")]
Comment = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
Act = Literal["open", "acknowledge", "unacknowledge", "comment", "assign", "severity", "close"]


class IncidentRequest(Model):
    """`rpc.incidents`: one act of a person. Answered with an `IncidentReply`."""

    act: Act
    request_id: str
    """A repeated request has the same one, and is executed once."""
    author: str
    """Who sent it."""
    incident_id: str | None = None
    """None: a new one."""
    tenant_id: str | None = None
    """Of a new one."""
    title: str | None = None
    """Of a new one."""
    severity: Severity | None = None
    """Of a new one, or instead of the present one."""
    comment: str | None = None
    """A comment, or why: it becomes part of the timeline."""
    assignee: str | None = None
    """Who takes care of it; None with `assign`: no one any longer."""


class IncidentReply(Model):
    """What an act has done."""

    incident_id: str
    changed: bool
    """False if the incident was as asked for before."""


class IncidentCostRequest(Model):
    """`rpc.incident_cost`: what has an incident cost? Answered with an `IncidentCost`."""

    incident_id: str


class IncidentCost(Model):
    """The downtime of an incident, from the beginning of the failure, and its part of the error budget of 30 days."""

    since: AwareDatetime
    """When the failure began that the incident is about, or when it was opened."""
    until: AwareDatetime
    """When it was closed; until then, now."""
    target: float
    """In percent."""
    downtime_minutes: float
    unknown_minutes: float
    """Not observed: neither up nor down."""
    maintenance_minutes: float
    """Announced, so without cost."""
    budget_minutes: float
    """The downtime that 30 days allow."""
    budget_percent: float
    """The part of it that this incident has spent; above 100 it has spent more than all."""

"""An incident, its alerts and its timeline, as the pure parts of this package change them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from services.monitor.incidents.causes import CausedAlert, urgency
from shared.alerts.rule import Severity
from shared.messages import Sentence

Status = Literal["open", "acknowledged", "closed"]
EntryKind = Literal[
    "opened", "fired", "resolved", "merged", "reopened", "closed",
    "acknowledged", "unacknowledged", "assigned", "severity", "comment", "recovery",
]  # fmt: skip
ECP = "ecp"
"""The author of what happens by itself."""
MOST_ALERT_ENTRIES = 1000
"""Entries of one incident about its alerts. Beyond these, alerts are counted and not listed one by one."""


@dataclass(slots=True)
class Member:
    """An alert of an incident, with its last firing."""

    alert: CausedAlert
    alert_id: str
    fired_at: datetime
    first_at: datetime
    """When it fired first in this incident."""
    summary: Sentence
    condition: str = ""
    value: float | None = None
    resolved_at: datetime | None = None
    """None while it fires."""
    firings: int = 1
    muted_by: str | None = None
    inhibited_by: str | None = None
    runbook: str | None = None

    @property
    def fires(self) -> bool:
        return self.resolved_at is None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline. `author` is a caller, or ECP."""

    incident_id: str
    at: datetime
    kind: EntryKind
    text: Sentence
    author: str = ECP
    fingerprint: str | None = None
    """Of the alert that it is about."""
    request_id: str | None = None
    """Of the request that caused it; the same request adds one entry."""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Incident:
    """An incident of a tenant."""

    incident_id: str
    tenant_id: str
    title: Sentence
    severity: Severity
    opened_at: datetime
    changed_at: datetime
    status: Status = "open"
    opened_by: str = ECP
    causes: set[str] = field(default_factory=set)
    worst: Severity = "info"
    """The most urgent of its alerts so far; one that is more urgent raises the severity again."""
    severity_by: str | None = None
    """Who set the severity; None: it is that of its alerts."""
    title_scope: int = 0
    """The scope of the alert that gave the title: one of a larger scope gives a better one."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    first_acknowledged_at: datetime | None = None
    assignee: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    merged_into: str | None = None
    alert_entries: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    """By fingerprint."""
    changed: set[str] = field(default_factory=set)
    """Fingerprints of members that have changed since they were read."""
    sources: set[str] = field(default_factory=set)
    """Fingerprints of members that may explain others: few, so that a flood of alerts costs each a look at few."""

    @property
    def is_closed(self) -> bool:
        return self.status == "closed"

    @property
    def firing(self) -> list[Member]:
        return [each for each in self.members.values() if each.fires]

    @property
    def firing_sources(self) -> list[CausedAlert]:
        """The alerts that fire and may explain others."""
        return [self.members[each].alert for each in self.sources if self.members[each].fires]

    @property
    def changed_members(self) -> list[Member]:
        """The alerts that have to be stored again."""
        return [self.members[each] for each in sorted(self.changed & self.members.keys())]

    def put(self, member: Member) -> None:
        """Add an alert, or its next firing."""
        self.members[member.alert.fingerprint] = member
        self.changed.add(member.alert.fingerprint)
        if member.alert.is_source:
            self.sources.add(member.alert.fingerprint)
        else:
            self.sources.discard(member.alert.fingerprint)

    def unacknowledge(self) -> None:
        """Open again, if it was acknowledged."""
        if self.status == "acknowledged":
            self.status = "open"
        self.acknowledged_at = self.acknowledged_by = None

    def raise_to(self, severity: Severity) -> bool:
        """Take the severity of an alert, if it is more urgent than any before; whether that raised the incident's."""
        if urgency(severity) <= urgency(self.worst):
            return False
        self.worst = severity
        if urgency(severity) <= urgency(self.severity):
            return False
        self.severity, self.severity_by = severity, None
        return True


@dataclass(slots=True)
class Journal:
    """What happened to incidents in one transaction: the new entries, and the events that tell it, in their order."""

    entries: list[Entry] = field(default_factory=list)
    events: list[tuple[str, Incident, str | None]] = field(default_factory=list)
    """`opened`, `closed`, or the kind of change; the incident; and who did it, None for what happens by itself."""
    touched: dict[str, Incident] = field(default_factory=dict)
    """By id: incidents to be stored."""

    def touch(self, incident: Incident, at: datetime) -> None:
        """Have the incident stored."""
        incident.changed_at = max(incident.changed_at, at)
        self.touched[incident.incident_id] = incident

    def add(self, incident: Incident, entry: Entry, event: str | None = None) -> None:
        """Add a line to its timeline, and an event about it."""
        self.touch(incident, entry.at)
        if entry.kind in ("fired", "resolved"):
            incident.alert_entries += 1
            if incident.alert_entries > MOST_ALERT_ENTRIES:
                return
        self.entries.append(entry)
        if event is not None:
            self.events.append((event, incident, None if entry.author == ECP else entry.author))

    def move(self, other: Incident, into: Incident) -> None:
        """Have the lines that a merged incident got in this transaction in the timeline that goes on."""
        if other.incident_id in self.touched:
            self.entries = [
                replace(each, incident_id=into.incident_id) if each.incident_id == other.incident_id else each
                for each in self.entries
            ]

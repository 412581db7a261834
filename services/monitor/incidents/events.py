"""The events that tell what happened to incidents. Pure."""

from collections.abc import Iterator

from services.monitor.incidents.model import Incident, Journal
from shared.events.alerts import IncidentChanged, IncidentClosed, IncidentEvent, IncidentOpened
from shared.events.base import Event

_MOST_ALERTS = 100
"""Fingerprints that an event lists: those of a flood would not fit into a message."""


def events_of(journal: Journal) -> list[Event]:
    """The events of a transaction, each with its incident as it is in the end."""
    return list(_events(journal))


def _events(journal: Journal) -> Iterator[IncidentEvent]:
    for change, incident, by in journal.events:
        fields = _fields(incident)
        if change == "opened":
            yield IncidentOpened(**fields)
        elif change == "closed":
            yield IncidentClosed(**fields, by=by)
        else:
            yield IncidentChanged(**fields, change=change, by=by)


def _fields(incident: Incident) -> dict[str, object]:
    return {
        "tenant_id": incident.tenant_id,
        "incident_id": incident.incident_id,
        "title": incident.title.english,
        "severity": incident.severity,
        "status": incident.status,
        "alerts": tuple(sorted(incident.members))[:_MOST_ALERTS],
        "assignee": incident.assignee,
        "acknowledged_by": incident.acknowledged_by,
        "opened_at": incident.opened_at,
        "time": incident.changed_at,
    }

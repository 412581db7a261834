"""The lines of a timeline that arise by themselves. Pure."""

from datetime import datetime

from services.monitor.alerts.transition import Transition
from services.monitor.incidents.model import Entry, EntryKind, Incident
from shared.messages import Sentence, sentence


def opened(incident: Incident, at: datetime) -> Entry:
    """The first line."""
    text = sentence("incident-opened", "opened with severity {severity}", severity=incident.severity)
    return Entry(incident.incident_id, at, "opened", text)


def fired(incident: Incident, transition: Transition) -> Entry:
    """An alert began to fire. The alert's own text is that of its rule, so it is data and not translated."""
    text = sentence("incident-alert-fired", "{name} fires", name=transition.name)
    return _of_alert(incident, transition, "fired", text)


def resolved(incident: Incident, transition: Transition) -> Entry:
    """An alert is resolved."""
    text = sentence("incident-alert-resolved", "{name} is resolved", name=transition.name)
    return _of_alert(incident, transition, "resolved", text)


def raised(incident: Incident, at: datetime, *, was_acknowledged: bool) -> Entry:
    """An alert that is more urgent than those before raised the severity."""
    severity = incident.severity
    text = sentence("incident-raised", "severity raised to {severity} by an alert", severity=severity)
    if was_acknowledged:
        english = "severity raised to {severity} by an alert; it has to be acknowledged again"
        text = sentence("incident-raised-again", english, severity=severity)
    return Entry(incident.incident_id, at, "severity", text, details={"severity": severity})


def reopened(incident: Incident, at: datetime) -> Entry:
    """It fires again, a short time after it was closed."""
    return Entry(incident.incident_id, at, "reopened", sentence("incident-reopened", "opened again"))


def merged(into: Incident, other: Incident, at: datetime) -> Entry:
    """Another incident turned out to have the same cause."""
    text = sentence(
        "incident-merged", "{other} has the same cause and was merged into this one", other=other.incident_id
    )
    return Entry(into.incident_id, at, "merged", text, details={"other": other.incident_id})


def closed(incident: Incident, at: datetime) -> Entry:
    """Its last alert is resolved."""
    return Entry(incident.incident_id, at, "closed", sentence("incident-closed", "closed: all its alerts are resolved"))


def _of_alert(incident: Incident, transition: Transition, kind: EntryKind, text: Sentence) -> Entry:
    return Entry(
        incident.incident_id,
        transition.at,
        kind,
        text,
        fingerprint=transition.fingerprint,
        details={"name": transition.name, "severity": transition.severity},
    )

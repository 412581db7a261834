"""What people do with an incident. Pure: the incident changes, and its journal tells what happened.

Each function returns whether anything changed: to acknowledge what is acknowledged is no second acknowledgement.
"""

from services.monitor.incidents.model import Entry, Incident, Journal
from shared.alerts.rule import Severity
from shared.errors import Refused
from shared.messages import Sentence, sentence


def acknowledge(journal: Journal, incident: Incident, done: Entry) -> bool:
    """Tell the others that it is being worked on: escalation stops."""
    if incident.status == "acknowledged":
        return False
    _check_open(incident)
    incident.status = "acknowledged"
    incident.acknowledged_at, incident.acknowledged_by = done.at, done.author
    incident.first_acknowledged_at = incident.first_acknowledged_at or done.at
    journal.add(incident, done, "acknowledged")
    return True


def unacknowledge(journal: Journal, incident: Incident, done: Entry) -> bool:
    """Take the acknowledgement back."""
    _check_open(incident)
    if incident.status == "open":
        return False
    incident.unacknowledge()
    journal.add(incident, done, "unacknowledged")
    return True


def comment(journal: Journal, incident: Incident, done: Entry) -> bool:
    """Add to the timeline, also after it was closed: a post-mortem is written then."""
    journal.add(incident, done, "commented")
    return True


def assign(journal: Journal, incident: Incident, done: Entry, assignee: str | None) -> bool:
    """Name who takes care of it, or no one any longer."""
    if incident.assignee == assignee:
        return False
    incident.assignee = assignee
    journal.add(incident, done, "assigned")
    return True


def change_severity(journal: Journal, incident: Incident, done: Entry, severity: Severity) -> bool:
    """Set the severity, which stands until an alert is more urgent than all before."""
    if incident.severity == severity:
        return False
    _check_open(incident)
    incident.severity, incident.severity_by = severity, done.author
    journal.add(incident, done, "severity")
    return True


def close(journal: Journal, incident: Incident, done: Entry) -> bool:
    """Close what has no alert that fires: a firing alert would only open it again."""
    if incident.is_closed:
        return False
    if incident.firing:
        names = ", ".join(sorted({each.alert.name for each in incident.firing})[:5])
        raise Refused(
            f"{len(incident.firing)} of its alerts still fire ({names}): silence them, or acknowledge the incident",
            code="CONFLICT",
            message_id="incident-fires",
            details={"count": len(incident.firing), "names": names},
        )
    incident.status, incident.closed_at, incident.closed_by = "closed", done.at, done.author
    journal.add(incident, done, "closed")
    return True


def _check_open(incident: Incident) -> None:
    if incident.is_closed:
        raise Refused("the incident is closed", code="CONFLICT", message_id="incident-is-closed")


ACKNOWLEDGED = sentence("incident-acknowledged", "acknowledged")
UNACKNOWLEDGED = sentence("incident-unacknowledged", "acknowledgement taken back")
CLOSED = sentence("incident-closed-by-hand", "closed by hand")
UNASSIGNED = sentence("incident-unassigned", "assigned to no one")


def assigned(assignee: str | None) -> Sentence:
    """The line for an assignment."""
    return sentence("incident-assigned", "assigned to {assignee}", assignee=assignee) if assignee else UNASSIGNED


def severity_set(severity: Severity) -> Sentence:
    """The line for a severity that a person set."""
    return sentence("incident-severity-set", "severity set to {severity}", severity=severity)


def opened_by_hand(severity: Severity) -> Sentence:
    """The line for an incident that a person opened."""
    return sentence("incident-opened-by-hand", "opened by hand with severity {severity}", severity=severity)

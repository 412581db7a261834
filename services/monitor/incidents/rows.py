"""Rows of incidents as objects of the model, and back. Pure."""

import json
from typing import Any

from services.monitor.incidents.causes import CausedAlert
from services.monitor.incidents.model import Entry, Incident, Member
from shared.messages import Message, Sentence

SELECT_INCIDENTS = (
    "SELECT incidents.incident_id, tenants.tenant_id, causes, title, title_message, title_scope, severity, worst,"
    " severity_by, incidents.status, opened_at, opened_by, changed_at, acknowledged_at, acknowledged_by,"
    " first_acknowledged_at, assignee, closed_at, closed_by, merged_into, alert_entries"
)
_SAME = (
    "incident_id", "title_scope", "severity", "worst", "severity_by", "status", "opened_at", "opened_by", "changed_at",
    "acknowledged_at", "acknowledged_by", "first_acknowledged_at", "assignee", "closed_at", "closed_by", "merged_into",
    "alert_entries",
)  # fmt: skip
_SAME_OF_MEMBER = (
    "alert_id", "condition", "value", "runbook", "first_at", "fired_at", "resolved_at", "firings", "muted_by",
    "inhibited_by",
)  # fmt: skip


def incident_of(row: Any) -> Incident:
    """The incident of a row with the columns of `SELECT_INCIDENTS`, without its alerts."""
    same = {name: getattr(row, name) for name in _SAME}
    title = sentence_of_row(row.title, row.title_message)
    return Incident(tenant_id=row.tenant_id, title=title, causes=set(row.causes), **same)


def values_of(incident: Incident) -> dict[str, Any]:
    """What is stored of an incident, but for its tenant's row."""
    return {
        **{name: getattr(incident, name) for name in _SAME},
        "causes": sorted(incident.causes),
        "title": incident.title.english,
        "title_message": message_json(incident.title),
    }


def member_of(row: Any) -> Member:
    """An alert of an incident."""
    alert = CausedAlert(row.fingerprint, row.name, row.severity, row.labels, row.type)
    same = {name: getattr(row, name) for name in _SAME_OF_MEMBER}
    return Member(alert=alert, summary=sentence_of_row(row.summary, row.summary_message), **same)


def member_values(incident_id: str, member: Member) -> dict[str, Any]:
    """What is stored of an alert of an incident."""
    alert = member.alert
    return {
        **{name: getattr(member, name) for name in _SAME_OF_MEMBER},
        "incident_id": incident_id,
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "severity": alert.severity,
        "type": alert.type,
        "labels": json.dumps(dict(alert.labels)),
        "summary": member.summary.english,
        "summary_message": message_json(member.summary),
    }


def entry_values(entry: Entry) -> dict[str, Any]:
    """What is stored of a line of a timeline."""
    return {
        "incident_id": entry.incident_id,
        "at": entry.at,
        "kind": entry.kind,
        "author": entry.author,
        "text": entry.text.english,
        "message": message_json(entry.text),
        "fingerprint": entry.fingerprint,
        "details": json.dumps(dict(entry.details)),
        "request_id": entry.request_id,
    }


def sentence_of_row(english: str, message: Any) -> Sentence:
    """A stored sentence; one without a message is not translated."""
    return Sentence(english, Message.model_validate(message or {"id": ""}))


def message_json(text: Sentence) -> str | None:
    """The message of a sentence, or None for a text of a person's."""
    return text.message.model_dump_json() if text.message.id else None

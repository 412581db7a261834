"""Applies what people do to incidents, in one transaction with the timeline and the events: `rpc.incidents`."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.clock import Now
from services.monitor.incidents import actions, incident_store
from services.monitor.incidents.cost import incident_not_found
from services.monitor.incidents.events import events_of
from services.monitor.incidents.listener import AddEvents, new_incident_id
from services.monitor.incidents.model import Entry, EntryKind, Incident, Journal
from shared.database import Database
from shared.errors import Refused
from shared.messages import Message, Sentence
from shared.rpc.incidents import IncidentReply, IncidentRequest

MOST_OPENED = 100
"""Of one tenant that people have opened and not closed: each transition of its alerts reads them."""
MOST_COMMENTS = 1000
"""Of one incident."""


class IncidentCommands:
    """The acts of one mode."""

    def __init__(self, database: Database, add_events: AddEvents, now: Now) -> None:
        self._database = database
        self._add_events = add_events
        self._now = now

    async def answer(self, request: IncidentRequest) -> IncidentReply:
        """Do what is asked for, once for each request.

        Raises Refused (TENANT_NOT_FOUND, INCIDENT_NOT_FOUND, CONFLICT), DependencyUnavailable.
        """
        async with self._database.begin() as connection:
            if request.act == "open":
                return await self._open(connection, request)
            return await self._change(connection, request)

    async def _open(self, connection: AsyncConnection, request: IncidentRequest) -> IncidentReply:
        tenant_id, severity = request.tenant_id or "", request.severity or "warning"
        row_ids = await lock_tenants(connection, [tenant_id])
        if tenant_id not in row_ids:
            raise Refused(
                f"there is no tenant {tenant_id!r}", code="TENANT_NOT_FOUND", details={"tenant_id": tenant_id}
            )
        if done := await incident_store.incident_of_request(connection, request.request_id):
            return IncidentReply(incident_id=done, changed=False)
        if await incident_store.count_opened(connection, row_ids[tenant_id]) >= MOST_OPENED:
            english = f"the tenant has {MOST_OPENED} open incidents that people opened, which is the limit; close some"
            raise Refused(english, code="CONFLICT", message_id="incidents-limit", details={"most": MOST_OPENED})
        at, journal = self._now(), Journal()
        incident = Incident(
            incident_id=new_incident_id(),
            tenant_id=tenant_id,
            title=Sentence(request.title or "", Message(id="")),
            severity=severity,
            severity_by=request.author,
            opened_at=at,
            opened_by=request.author,
            changed_at=at,
        )
        journal.add(incident, _entry(incident, request, "opened", actions.opened_by_hand(severity), at), "opened")
        await self._write(connection, journal, row_ids, request_id=request.request_id)
        return IncidentReply(incident_id=incident.incident_id, changed=True)

    async def _change(self, connection: AsyncConnection, request: IncidentRequest) -> IncidentReply:
        incident, row_id = await _locked(connection, request.incident_id or "")
        if await incident_store.incident_of_request(connection, request.request_id):
            return IncidentReply(incident_id=incident.incident_id, changed=False)
        if request.act == "comment" and await _is_full(connection, incident):
            english = f"the incident has {MOST_COMMENTS} comments, which is the limit"
            raise Refused(english, code="CONFLICT", message_id="incident-comments", details={"most": MOST_COMMENTS})
        journal = Journal()
        changed = _act(journal, incident, request, self._now())
        await self._write(connection, journal, {incident.tenant_id: row_id})
        return IncidentReply(incident_id=incident.incident_id, changed=changed)

    async def _write(
        self,
        connection: AsyncConnection,
        journal: Journal,
        row_ids: dict[str, int],
        *,
        request_id: str | None = None,
    ) -> None:
        await incident_store.save(connection, journal.touched.values(), row_ids, request_id=request_id)
        await incident_store.add_entries(connection, journal.entries)
        await self._add_events(connection, events_of(journal))


def _act(journal: Journal, incident: Incident, request: IncidentRequest, at: datetime) -> bool:
    """Whether it changed anything. Raises Refused."""
    severity = request.severity or incident.severity
    if request.act == "acknowledge":
        done = _entry(incident, request, "acknowledged", actions.ACKNOWLEDGED, at)
        return actions.acknowledge(journal, incident, done)
    if request.act == "unacknowledge":
        done = _entry(incident, request, "unacknowledged", actions.UNACKNOWLEDGED, at)
        return actions.unacknowledge(journal, incident, done)
    if request.act == "assign":
        done = _entry(incident, request, "assigned", actions.assigned(request.assignee), at)
        return actions.assign(journal, incident, done, request.assignee)
    if request.act == "severity":
        done = _entry(incident, request, "severity", actions.severity_set(severity), at)
        return actions.change_severity(journal, incident, done, severity)
    if request.act == "close":
        return actions.close(journal, incident, _entry(incident, request, "closed", actions.CLOSED, at))
    own_words = Sentence(request.comment or "", Message(id=""))
    return actions.comment(journal, incident, _entry(incident, request, "comment", own_words, at))


def _entry(incident: Incident, request: IncidentRequest, kind: EntryKind, what: Sentence, at: datetime) -> Entry:
    """The line of the timeline for an act. What a person wrote isn't translated."""
    details = {"comment": request.comment} if request.comment and kind != "comment" else {}
    return Entry(
        incident.incident_id, at, kind, what, author=request.author, request_id=request.request_id, details=details
    )


async def _locked(connection: AsyncConnection, incident_id: str) -> tuple[Incident, int]:
    """The incident, after waiting for others that work on its tenant's. Raises Refused (INCIDENT_NOT_FOUND)."""
    found = await incident_store.find(connection, incident_id)
    if found is not None and await lock_tenants(connection, [found[0].tenant_id]):
        found = await incident_store.find(connection, incident_id)
        if found is not None:
            return found
    raise incident_not_found(incident_id)


async def _is_full(connection: AsyncConnection, incident: Incident) -> bool:
    return await incident_store.count_comments(connection, incident.incident_id) >= MOST_COMMENTS

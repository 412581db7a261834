"""Incidents as answers, in the language of the request. Reads only; what one cost is asked of the monitor."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from services.gateway.access.visibility import visible_tenants
from services.gateway.http.errors import incident_not_found
from services.gateway.http.language import Translator, translator
from services.gateway.http.parameters import is_possible_id
from services.gateway.incidents import repository
from services.gateway.incidents.repository import IncidentFilters
from services.gateway.incidents.schemas import (
    IncidentAlert,
    IncidentDetail,
    IncidentList,
    IncidentOperation,
    IncidentSummary,
    PostMortem,
    TimelineEntry,
)
from services.gateway.mode_context import ModeContext
from shared.messages import Message
from shared.rpc.incidents import IncidentCostRequest

_BEFORE = timedelta(minutes=30)
"""How long before an incident an operation may have caused it."""


class IncidentQueries:
    """Those of one mode. Each raises Refused (INCIDENT_NOT_FOUND), or DependencyUnavailable."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers

    async def list(self, filters: IncidentFilters, *, skip: int, limit: int) -> IncidentList:
        """A page of those that the caller may see."""
        if filters.tenant_id is not None and not is_possible_id(filters.tenant_id):
            return IncidentList(incidents=[], total_count=0)
        visible = visible_tenants()
        async with self._database.begin() as connection:
            rows, total = await repository.list_incidents(connection, filters, visible, skip=skip, limit=limit)
        texts = translator()
        return IncidentList(incidents=[IncidentSummary(**_summary(row, texts)) for row in rows], total_count=total)

    async def one(self, incident_id: str) -> IncidentDetail:
        return (await self._read(incident_id))[0]

    async def tenant_of(self, incident_id: str) -> str:
        """The tenant of an incident."""
        async with self._database.begin() as connection:
            row = await repository.find_incident(connection, incident_id)
        if row is None:
            raise incident_not_found(incident_id)
        return str(row.tenant_name)

    async def post_mortem(self, incident_id: str, time_zone: str | None) -> PostMortem:
        """What fired, what was done, and what it cost."""
        incident, row = await self._read(incident_id)
        cost = await self._workers.incident_cost(IncidentCostRequest(incident_id=incident_id))
        ended = incident.closed_at or datetime.now(UTC)
        since = min(cost.since, incident.opened_at) - _BEFORE
        async with self._database.begin() as connection:
            operations = await repository.list_operations(connection, row.owner_id, since, ended)
        acknowledged = row.first_acknowledged_at
        return PostMortem(
            incident=incident,
            minutes=_minutes(incident.opened_at, ended),
            minutes_to_acknowledge=None if acknowledged is None else _minutes(incident.opened_at, acknowledged),
            cost=cost,
            operations=[_operation(each) for each in operations],
            time_zone=time_zone or row.zone,
        )

    async def _read(self, incident_id: str) -> tuple[IncidentDetail, Row[Any]]:
        async with self._database.begin() as connection:
            row = await repository.find_incident(connection, incident_id)
            if row is None:
                raise incident_not_found(incident_id)
            alerts = await repository.list_alerts(connection, incident_id)
            entries = await repository.list_entries(connection, incident_id)
        return _incident(row, alerts, entries, translator()), row


def _minutes(since: datetime, until: datetime) -> float:
    return round(max(0.0, (until - since).total_seconds() / 60), 2)


def _summary(row: Row[Any], texts: Translator) -> dict[str, Any]:
    names = IncidentSummary.model_fields.keys() - {"tenant_id", "title"}
    same = {name: getattr(row, name) for name in names}
    return {**same, "tenant_id": row.tenant_name, "title": _text(texts, row.title, row.title_message)}


def _incident(
    row: Row[Any], alerts: Sequence[Row[Any]], entries: Sequence[Row[Any]], texts: Translator
) -> IncidentDetail:
    return IncidentDetail(
        **_summary(row, texts),
        severity_by=row.severity_by,
        alert_list=[_alert(each, texts) for each in alerts],
        timeline=[_entry(each, texts) for each in entries],
    )


def _alert(row: Row[Any], texts: Translator) -> IncidentAlert:
    names = IncidentAlert.model_fields.keys() - {"state", "summary"}
    return IncidentAlert(
        **{name: getattr(row, name) for name in names},
        state="firing" if row.resolved_at is None else "resolved",
        summary=_text(texts, row.summary, row.summary_message),
    )


def _entry(row: Row[Any], texts: Translator) -> TimelineEntry:
    return TimelineEntry(
        time=row.at,
        kind=row.kind,
        author=row.author,
        text=_text(texts, row.text, row.message),
        comment=row.details.get("comment"),
    )


def _operation(row: Row[Any]) -> IncidentOperation:
    return IncidentOperation(
        deployment_id=row.deployment_id,
        operation=row.operation,
        status=row.status,
        message=row.message,
        requested_at=row.created_at,
        finished_at=row.finished_at,
    )


def _text(texts: Translator, english: str, message: Any) -> str:
    """A stored sentence in the request's language; a person's own text has no message."""
    return texts.text(english, Message.model_validate(message)) if message else english

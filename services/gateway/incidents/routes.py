"""`/api/v1/incidents`: what is wrong with tenants, what people do about it, and what it cost."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from services.gateway.http.errors import incident_not_found
from services.gateway.http.language import translator
from services.gateway.http.parameters import (
    LONGEST_ID,
    IdempotencyKey,
    Limit,
    Moment,
    Skip,
    is_possible_id,
    time_zone_parameter,
)
from services.gateway.http.schemas import answers
from services.gateway.idempotency.transaction import call_key
from services.gateway.incidents import post_mortem_page
from services.gateway.incidents.commands import IncidentCommands
from services.gateway.incidents.queries import IncidentQueries
from services.gateway.incidents.repository import IncidentFilters
from services.gateway.incidents.schemas import (
    Assignment,
    IncidentDetail,
    IncidentList,
    NewComment,
    NewIncident,
    PostMortem,
    SeverityChange,
    Status,
    WithComment,
)
from services.gateway.mode_context import CurrentMode
from shared.alerts.rule import Severity

router = APIRouter(prefix="/incidents", tags=["incidents"])
_READ = answers("INCIDENT_NOT_FOUND", "DATABASE_ERROR")
_CHANGE = answers("INCIDENT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True)
_HTML = {"text/html": {"schema": {"type": "string"}}}


async def _incident_id(
    incident_id: Annotated[
        str,
        Path(
            description="The incident's id",
            examples=["incident-0123456789ab"],
            json_schema_extra={"minLength": 1, "maxLength": LONGEST_ID},
        ),
    ],
) -> str:
    if not is_possible_id(incident_id):
        raise incident_not_found(incident_id[:LONGEST_ID])
    return incident_id


async def _queries(context: CurrentMode) -> IncidentQueries:
    return IncidentQueries(context)


async def _commands(context: CurrentMode) -> IncidentCommands:
    return IncidentCommands(context)


IncidentPath = Annotated[str, Depends(_incident_id)]
Queries = Annotated[IncidentQueries, Depends(_queries)]
Commands = Annotated[IncidentCommands, Depends(_commands)]


@router.get("", summary="List incidents", responses=answers("DATABASE_ERROR"))
async def list_incidents(
    queries: Queries,
    *,
    tenant_id: Annotated[str | None, Query(max_length=LONGEST_ID, description="Those of one tenant")] = None,
    status: Annotated[Status | None, Query(description="Those with this status")] = None,
    severity: Annotated[Severity | None, Query(description="Those with this severity")] = None,
    since: Annotated[Moment | None, Query(description="Those that were open at this time or later")] = None,
    until: Annotated[Moment | None, Query(description="Those that were opened before this time")] = None,
    skip: Skip = 0,
    limit: Limit = 100,
) -> IncidentList:
    """Alerts of a tenant with one cause are one incident. The newest first."""
    filters = IncidentFilters(tenant_id, status, severity, since, until)
    return await queries.list(filters, skip=skip, limit=limit)


@router.post(
    "",
    status_code=201,
    summary="Open an incident",
    responses=answers("TENANT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True),
)
async def open_incident(
    incident: NewIncident, commands: Commands, idempotency_key: IdempotencyKey = None
) -> IncidentDetail:
    """For what no alert tells, such as a report of a customer. Close it by hand."""
    return await commands.open(incident, call_key("POST /incidents", idempotency_key, incident))


@router.get("/{incident_id}", summary="Get an incident", responses=_READ)
async def get_incident(incident_id: IncidentPath, queries: Queries) -> IncidentDetail:
    """With its alerts and its timeline."""
    return await queries.one(incident_id)


@router.post("/{incident_id}/acknowledge", summary="Acknowledge an incident", responses=_CHANGE)
async def acknowledge_incident(
    incident_id: IncidentPath,
    commands: Commands,
    given: WithComment | None = None,
    idempotency_key: IdempotencyKey = None,
) -> IncidentDetail:
    """Tells the others that it is being worked on; escalation stops. An alert that is more urgent revokes it."""
    key = call_key(f"POST /incidents/{incident_id}/acknowledge", idempotency_key, given)
    return await commands.change("acknowledge", incident_id, key, comment=given.comment if given else None)


@router.delete(
    "/{incident_id}/acknowledge",
    summary="Take an acknowledgement back",
    responses=answers("INCIDENT_NOT_FOUND", "CONFLICT", "DATABASE_ERROR", "WORKER_UNAVAILABLE"),
)
async def unacknowledge_incident(incident_id: IncidentPath, commands: Commands) -> IncidentDetail:
    """The incident is open again, and escalation goes on."""
    return await commands.change("unacknowledge", incident_id, None)


@router.post("/{incident_id}/comments", status_code=201, summary="Comment on an incident", responses=_CHANGE)
async def comment_on_incident(
    incident_id: IncidentPath, new: NewComment, commands: Commands, idempotency_key: IdempotencyKey = None
) -> IncidentDetail:
    """Adds to the timeline, also of a closed incident."""
    key = call_key(f"POST /incidents/{incident_id}/comments", idempotency_key, new)
    return await commands.change("comment", incident_id, key, comment=new.comment)


@router.put("/{incident_id}/assignee", summary="Assign an incident", responses=_CHANGE)
async def assign_incident(
    incident_id: IncidentPath, assignment: Assignment, commands: Commands, idempotency_key: IdempotencyKey = None
) -> IncidentDetail:
    """Names who takes care of it."""
    key = call_key(f"PUT /incidents/{incident_id}/assignee", idempotency_key, assignment)
    return await commands.change("assign", incident_id, key, assignee=assignment.assignee, comment=assignment.comment)


@router.put("/{incident_id}/severity", summary="Change an incident's severity", responses=_CHANGE)
async def change_incident_severity(
    incident_id: IncidentPath, change: SeverityChange, commands: Commands, idempotency_key: IdempotencyKey = None
) -> IncidentDetail:
    """Stands until an alert is more urgent than all before."""
    key = call_key(f"PUT /incidents/{incident_id}/severity", idempotency_key, change)
    return await commands.change("severity", incident_id, key, severity=change.severity, comment=change.comment)


@router.post("/{incident_id}/close", summary="Close an incident", responses=_CHANGE)
async def close_incident(
    incident_id: IncidentPath,
    commands: Commands,
    given: WithComment | None = None,
    idempotency_key: IdempotencyKey = None,
) -> IncidentDetail:
    """For one that was opened by hand. One of alerts closes by itself, and can't be closed while one of them fires."""
    key = call_key(f"POST /incidents/{incident_id}/close", idempotency_key, given)
    return await commands.change("close", incident_id, key, comment=given.comment if given else None)


@router.get(
    "/{incident_id}/post-mortem",
    summary="Get a post-mortem",
    response_model=PostMortem,
    responses={200: {"content": _HTML}, **answers("INCIDENT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE")},
)
async def get_post_mortem(
    incident_id: IncidentPath,
    queries: Queries,
    *,
    time_zone: Annotated[
        str | None,
        Query(max_length=50, description="Of the page's times; the tenant's by default", examples=["Asia/Seoul"]),
    ] = None,
    form: Annotated[Literal["json", "html"], Query(alias="format", description="HTML is a printable page")] = "json",
) -> PostMortem | Response:
    """What fired, what was done, and what it cost in minutes and in error budget."""
    found = await queries.post_mortem(incident_id, time_zone_parameter(time_zone))
    if form == "json":
        return found
    page = post_mortem_page.write(found, translator())
    headers = {"Content-Security-Policy": post_mortem_page.POLICY}
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)

"""`/api/v1/audit`: the trail, and its export as JSON lines."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from services.gateway.audit.entries import Outcome
from services.gateway.audit.queries import AuditFilters, AuditQueries
from services.gateway.audit.schemas import AuditTrail
from services.gateway.http.parameters import Limit, Moment
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(prefix="/audit", tags=["audit"])
_LINES = "application/x-ndjson"


async def _queries(context: CurrentMode) -> AuditQueries:
    return AuditQueries(context)


async def _filters(
    *,
    tenant_id: Annotated[str | None, Query(max_length=100, description="Only of this tenant")] = None,
    subject: Annotated[str | None, Query(max_length=255, description="Only of this caller")] = None,
    operation: Annotated[
        str | None, Query(max_length=100, description="Only this operation, by its id", examples=["deleteTenant"])
    ] = None,
    outcome: Annotated[Outcome | None, Query(description="Only calls that ended so")] = None,
    request_id: Annotated[str | None, Query(max_length=200, description="Only of this request")] = None,
    since: Annotated[
        Moment | None,
        Query(alias="from", description="Only from this time on; without a zone it is UTC"),
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Only before this time")] = None,
) -> AuditFilters:
    return AuditFilters(tenant_id, subject, operation, outcome, request_id, since, until)


Queries = Annotated[AuditQueries, Depends(_queries)]
Filters = Annotated[AuditFilters, Depends(_filters)]


@router.get("", summary="List the audit trail", responses=answers("DATABASE_ERROR"))
async def list_audit_events(
    queries: Queries,
    filters: Filters,
    cursor: Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before")] = None,
    limit: Limit = 100,
) -> AuditTrail:
    """Who did what, when, from where and with which outcome, the latest first."""
    return await queries.page(filters, cursor, limit)


@router.get(
    "/export",
    summary="Export the audit trail",
    response_class=StreamingResponse,
    responses={
        **answers("DATABASE_ERROR"),
        200: {"content": {_LINES: {"schema": {"type": "string"}}}, "description": "JSON lines"},
    },
)
async def export_audit_trail(queries: Queries, filters: Filters) -> StreamingResponse:
    """JSON lines: first the trail itself, then each row with its seal, in the order of the seals, and an end.

    Without a filter, `ecp audit verify` can check what was exported.
    """
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(await queries.export(filters), media_type=_LINES, headers=headers)

"""`/api/v1/tenants/{id}/sla`, reports, planned maintenance, and the analysis that the simulator's guide documents."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from services.gateway.http.language import translator
from services.gateway.http.parameters import CalendarDay, TenantPath, time_zone_parameter
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from services.gateway.sla import report_page
from services.gateway.sla.commands import MaintenanceCommands
from services.gateway.sla.queries import SlaQueries
from services.gateway.sla.report_csv import write_csv
from services.gateway.sla.schemas import MaintenanceWindows, SlaAnalysis, SlaAnswer
from shared.rpc import AnnouncedWindow, MaintenanceRequest, SlaReport, SlaReportRequest

router = APIRouter()
_LONGEST_ZONE = 50
_CODES = ("TENANT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE")
_OTHER_FORMS = {"text/csv": {"schema": {"type": "string"}}, "text/html": {"schema": {"type": "string"}}}
PeriodName = Annotated[
    str, Query(max_length=10, description="day, week, month; or the last hours or days: 24h, 7d", examples=["month"])
]
WindowPath = Annotated[int, Path(ge=1, le=2**62, description="The id of a maintenance window", examples=[1])]


async def _queries(context: CurrentMode) -> SlaQueries:
    return SlaQueries(context)


async def _commands(context: CurrentMode) -> MaintenanceCommands:
    return MaintenanceCommands(context)


Queries = Annotated[SlaQueries, Depends(_queries)]
Commands = Annotated[MaintenanceCommands, Depends(_commands)]


@router.get(
    "/tenants/{tenant_id}/sla",
    tags=["sla"],
    summary="Get the SLA so far",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_sla(tenant_id: TenantPath, queries: Queries) -> SlaAnswer:
    """The last report of the monitor."""
    return await queries.so_far(tenant_id)


@router.get(
    "/tenants/{tenant_id}/sla/report",
    tags=["sla"],
    summary="Get an SLA report",
    response_model=SlaReport,
    responses={200: {"content": _OTHER_FORMS}, **answers(*_CODES)},
)
async def get_sla_report(
    tenant_id: TenantPath,
    queries: Queries,
    *,
    period: PeriodName = "month",
    day: Annotated[CalendarDay | None, Query(alias="date", description="a day of the period; today by default")] = None,
    rolling: Annotated[bool, Query(description="the period that ends now, instead of the calendar's")] = False,
    time_zone: Annotated[
        str | None,
        Query(
            max_length=_LONGEST_ZONE, description="Of days and months; the tenant's by default", examples=["Asia/Seoul"]
        ),
    ] = None,
    target: Annotated[
        float | None, Query(gt=0, lt=100, description="percent, instead of the promised availability")
    ] = None,
    by: Annotated[Literal["time", "requests"], Query(description="What the availability is a share of")] = "time",
    form: Annotated[
        Literal["json", "csv", "html"], Query(alias="format", description="HTML is a printable page")
    ] = "json",
) -> SlaReport | Response:
    """Availability, error budget, burn rates, failures and services of a day, week or month. Unknown time is shown."""
    request = SlaReportRequest(
        tenant_id=tenant_id,
        period=period,
        day=day,
        rolling=rolling,
        time_zone=time_zone_parameter(time_zone),
        target=target,
        by=by,
    )
    report = await queries.report(request)
    if form == "json":
        return report
    name = f"sla-{tenant_id}-{report.start:%Y-%m-%d}"
    if form == "csv":
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(write_csv(report), media_type="text/csv; charset=utf-8", headers=headers)
    headers = {"Content-Security-Policy": report_page.POLICY}
    page = report_page.write(report, translator())
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)


@router.get(
    "/simulator/sla/{tenant_id}/analysis",
    tags=["sla"],
    summary="Get the SLA analysis",
    responses=answers(*_CODES),
)
async def get_sla_analysis(tenant_id: TenantPath, queries: Queries, period: PeriodName = "24h") -> SlaAnalysis:
    """The SLA of the last hours or days, or of a calendar period, in the fields of the simulator's guide."""
    request = SlaReportRequest(tenant_id=tenant_id, period=period)
    return await queries.analysis(request)


@router.get(
    "/tenants/{tenant_id}/maintenance",
    tags=["sla"],
    summary="List maintenance windows",
    responses=answers(*_CODES),
)
async def list_maintenance(tenant_id: TenantPath, queries: Queries) -> MaintenanceWindows:
    """The windows of the tenant and those of all tenants, latest first."""
    reply = await queries.maintenance(MaintenanceRequest(tenant_id=tenant_id))
    return MaintenanceWindows(tenant_id=tenant_id, windows=reply.windows)


@router.post(
    "/tenants/{tenant_id}/maintenance",
    status_code=201,
    tags=["sla"],
    summary="Announce a maintenance window",
    responses=answers(*_CODES, body=True),
)
async def announce_maintenance(
    tenant_id: TenantPath, window: AnnouncedWindow, commands: Commands
) -> MaintenanceWindows:
    """Time in the window doesn't count as downtime. It must be announced before it begins."""
    reply = await commands.announce(tenant_id, window)
    return MaintenanceWindows(tenant_id=tenant_id, windows=reply.windows)


@router.delete(
    "/tenants/{tenant_id}/maintenance/{window_id}",
    tags=["sla"],
    summary="Cancel or end a maintenance window",
    responses=answers("NOT_FOUND", *_CODES),
)
async def cancel_maintenance(tenant_id: TenantPath, window_id: WindowPath, commands: Commands) -> MaintenanceWindows:
    """A window that has begun ends now; one that has ended stays unchanged."""
    reply = await commands.cancel(tenant_id, window_id)
    return MaintenanceWindows(tenant_id=tenant_id, windows=reply.windows)

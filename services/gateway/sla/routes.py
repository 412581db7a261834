"""`/api/v1/tenants/{id}/sla/report`, planned maintenance, and the simulator guide's SLA analysis."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from services.gateway.http import request_context
from services.gateway.http.errors import invalid
from services.gateway.http.parameters import InMode, PartsOf, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.sla import report_page as sla_page
from services.gateway.sla.report_csv import write_csv
from services.gateway.sla.schemas import MaintenanceWindows, SlaAnalysis, analysis_of
from shared.rpc import AnnouncedWindow, MaintenanceRequest, SlaReport, SlaReportRequest
from shared.tenants import check_time_zone

router = APIRouter(tags=["sla"])
_LONGEST_ZONE = 50
_CODES = ("TENANT_NOT_FOUND", "DATABASE_ERROR", "WORKER_UNAVAILABLE")
_OTHER_FORMS = {"text/csv": {"schema": {"type": "string"}}, "text/html": {"schema": {"type": "string"}}}
PeriodName = Annotated[
    str, Query(max_length=10, description="day, week, month; or the last hours or days: 24h, 7d", examples=["month"])
]
WindowPath = Annotated[int, Path(ge=1, le=2**62)]


@router.get(
    "/tenants/{tenant_id}/sla/report",
    summary="The SLA of a day, a week or a month",
    response_model=SlaReport,
    responses={200: {"content": _OTHER_FORMS}, **answers(*_CODES)},
)
async def get_report(
    tenant_id: TenantPath,
    parts: PartsOf,
    mode: InMode,
    *,
    period: PeriodName = "month",
    day: Annotated[date | None, Query(alias="date", description="a day in it; today's without")] = None,
    rolling: Annotated[bool, Query(description="the last one, instead of the calendar's")] = False,
    time_zone: Annotated[str | None, Query(max_length=_LONGEST_ZONE, examples=["Asia/Seoul"])] = None,
    target: Annotated[float | None, Query(gt=0, lt=100, description="percent, instead of what was promised")] = None,
    by: Literal["time", "requests"] = "time",
    form: Annotated[Literal["json", "csv", "html"], Query(alias="format")] = "json",
) -> SlaReport | Response:
    """Availability, error budget, burn rates, failures and services; what is unknown is shown as that."""
    request = SlaReportRequest(
        tenant_id=tenant_id,
        period=period,
        day=day,
        rolling=rolling,
        time_zone=_zone(time_zone),
        target=target,
        by=by,
    )
    report = await parts.questions.sla_report(mode, request)
    if form == "json":
        return report
    name = f"sla-{tenant_id}-{report.start:%Y-%m-%d}"
    if form == "csv":
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(write_csv(report), media_type="text/csv; charset=utf-8", headers=headers)
    # The page runs nothing and loads nothing.
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    page = sla_page.write(report, request_context.current().language)
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)


@router.get(
    "/simulator/sla/{tenant_id}/analysis",
    summary="The SLA as the simulator's guide shows it",
    responses=answers(*_CODES),
)
async def get_analysis(tenant_id: TenantPath, parts: PartsOf, mode: InMode, period: PeriodName = "24h") -> SlaAnalysis:
    """Of the last hours or days, or of a calendar's period."""
    request = SlaReportRequest(tenant_id=tenant_id, period=period)
    return analysis_of(await parts.questions.sla_report(mode, request))


@router.get("/tenants/{tenant_id}/maintenance", summary="Planned maintenance", responses=answers(*_CODES))
async def list_maintenance(tenant_id: TenantPath, parts: PartsOf, mode: InMode) -> MaintenanceWindows:
    """The tenant's windows and those of all tenants, the latest first."""
    reply = await parts.questions.maintenance(mode, MaintenanceRequest(tenant_id=tenant_id))
    return MaintenanceWindows(tenant_id=tenant_id, windows=reply.windows)


@router.post(
    "/tenants/{tenant_id}/maintenance",
    status_code=201,
    summary="Announce maintenance",
    responses=answers(*_CODES, body=True),
)
async def announce_maintenance(
    tenant_id: TenantPath, window: AnnouncedWindow, parts: PartsOf, mode: InMode
) -> MaintenanceWindows:
    """What happens in it is no downtime. Only before it begins."""
    request = MaintenanceRequest(tenant_id=tenant_id, announce=window)
    reply = await parts.questions.maintenance(mode, request)
    return MaintenanceWindows(tenant_id=tenant_id, windows=reply.windows)


@router.delete(
    "/tenants/{tenant_id}/maintenance/{window_id}",
    summary="Cancel maintenance, or end it now",
    responses=answers("NOT_FOUND", *_CODES),
)
async def cancel_maintenance(
    tenant_id: TenantPath, window_id: WindowPath, parts: PartsOf, mode: InMode
) -> MaintenanceWindows:
    """One that has begun ends now; one that has ended stays."""
    reply = await parts.questions.maintenance(mode, MaintenanceRequest(tenant_id=tenant_id, cancel=window_id))
    return MaintenanceWindows(tenant_id=tenant_id, windows=reply.windows)


def _zone(name: str | None) -> str | None:
    try:
        return None if name is None else check_time_zone(name)
    except ValueError as error:
        raise invalid("time_zone", str(error)) from error

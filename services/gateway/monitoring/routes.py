"""`/api/v1/tenants/{id}/monitoring`: read series, and send measurements."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import Discriminator, Tag

from services.gateway.http.errors import invalid
from services.gateway.http.parameters import IdempotencyKey, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.transaction import call_key
from services.gateway.mode_context import CurrentMode
from services.gateway.monitoring.commands import MetricsCommands
from services.gateway.monitoring.queries import MetricsQueries
from services.gateway.monitoring.schemas import MetricsAccepted, MetricsPoint, MetricsPoints, MonitoringData
from shared.errors import Refused
from shared.measuring import METRIC_NAME
from shared.messages import sentence

router = APIRouter(prefix="/tenants/{tenant_id}/monitoring", tags=["monitoring"])
_MOST_POINTS = 1000
_MOST_HOURS = 720


async def _commands(context: CurrentMode) -> MetricsCommands:
    return MetricsCommands(context)


async def _queries(context: CurrentMode) -> MetricsQueries:
    return MetricsQueries(context)


def too_many_points(limit: int) -> Refused:
    """The refusal of a body of more than `limit` bytes, which is a list that is too long."""
    english = "a list has at most {points} points and {bytes} bytes: send it in several calls"
    return invalid("body", sentence("list-too-long", english, points=f"{_MOST_POINTS:,}", bytes=f"{limit:,}"))


# A tag becomes a part of a refused field's path. Blank ones are left out of it.
_ONE, _SEVERAL = "", " "


def _form(body: Any) -> str:
    return _SEVERAL if isinstance(body, list) else _ONE


Points = Annotated[
    Annotated[MetricsPoint, Tag(_ONE)]
    | Annotated[list[MetricsPoint], Tag(_SEVERAL), Query(min_length=1, max_length=_MOST_POINTS)],
    Discriminator(_form),
]


@router.get(
    "",
    summary="Get metric series",
    response_model=MonitoringData,
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_monitoring(
    tenant_id: TenantPath,
    queries: Annotated[MetricsQueries, Depends(_queries)],
    *,
    metric_type: Annotated[
        str | None, Query(pattern=METRIC_NAME, description="A metric or a group; all by default", examples=["cpu"])
    ] = None,
    hours: Annotated[int, Query(ge=1, le=_MOST_HOURS, description="How far to look back")] = 24,
    interval: Annotated[Literal["1m", "5m", "1h"], Query(description="The distance of two points")] = "5m",
) -> Response:
    """Means by interval, at most 100,000. `metric_type` may name a group: `network` includes `network_in`."""
    time_range, series = await queries.series(tenant_id, metric=metric_type, hours=hours, interval=interval)
    # Without models: validating that many points would take longer than everything else.
    answer = {"tenant_id": tenant_id, "time_range": dict(time_range), **series._asdict()}
    return Response(orjson.dumps(answer, option=orjson.OPT_UTC_Z), media_type="application/json")


@router.post(
    "",
    status_code=202,
    summary="Send metrics",
    responses=answers("TENANT_NOT_FOUND", "CONFLICT", "UNSUPPORTED_MEDIA_TYPE", "DATABASE_ERROR"),
)
async def send_metrics(
    tenant_id: TenantPath,
    body: Points,
    commands: Annotated[MetricsCommands, Depends(_commands)],
    idempotency_key: IdempotencyKey = None,
) -> MetricsAccepted:
    """One moment, or a list of moments. `cpu_usage` and `cpu` are the same series.

    Accepted means stored on disk, and kept for `RETENTION_DAYS` (400). A time that is older, or more than five minutes
    ahead, is refused with an error for each such point, and then no point of the call is accepted. The same applies to
    a time without a partition, on a day that has a partition created by hand for only a part of it.
    """
    points = MetricsPoints(points=tuple(body if isinstance(body, list) else [body]))
    is_list = isinstance(body, list)
    commands.check(points.points, is_list=is_list)
    key = call_key(f"POST /tenants/{tenant_id}/monitoring", idempotency_key, points)
    return await commands.record(tenant_id, points.points, key, is_list=is_list)

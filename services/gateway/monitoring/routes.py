"""`/api/v1/tenants/{id}/monitoring`"""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import Discriminator, Tag

from services.gateway.http.errors import invalid
from services.gateway.http.parameters import IdempotencyKey, InMode, PartsOf, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.calls import once
from services.gateway.monitoring.schemas import MetricsAccepted, MetricsPoint, MetricsPoints, MonitoringData
from shared.errors import Refused
from shared.measuring import METRIC_NAME

router = APIRouter(prefix="/tenants/{tenant_id}/monitoring", tags=["monitoring"])
_MOST_POINTS = 1000
_MOST_HOURS = 720


def too_many_points(limit: int) -> Refused:
    """What a body of more than `limit` bytes gets here: it is a list that is too long."""
    message = f"a list has at most {_MOST_POINTS:,} points and {limit:,} bytes: send it in several calls"
    return invalid("body", message)


# A tag is a part of the path of whatever is refused, where it says nothing: both are left out when they are blank.
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
    summary="Series of metrics",
    response_model=MonitoringData,
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_monitoring(
    tenant_id: TenantPath,
    parts: PartsOf,
    mode: InMode,
    *,
    metric_type: Annotated[str | None, Query(pattern=METRIC_NAME, examples=["cpu"])] = None,
    hours: Annotated[int, Query(ge=1, le=_MOST_HOURS)] = 24,
    interval: Literal["1m", "5m", "1h"] = "5m",
) -> Response:
    """Means by interval, up to 100,000 of them. `metric_type` takes a family, too: `network` has `network_in`."""
    time_range, found = await parts.queries.monitoring(
        mode, tenant_id, metric=metric_type, hours=hours, interval=interval
    )
    # Written as it is: a model of each of so many points would take longer than all the rest.
    answer = {"tenant_id": tenant_id, "time_range": dict(time_range), **found._asdict()}
    return Response(orjson.dumps(answer, option=orjson.OPT_UTC_Z), media_type="application/json")


@router.post(
    "",
    status_code=202,
    summary="Send metrics",
    responses=answers("TENANT_NOT_FOUND", "CONFLICT", "UNSUPPORTED_MEDIA_TYPE", "DATABASE_ERROR"),
)
async def post_monitoring(
    tenant_id: TenantPath, body: Points, parts: PartsOf, mode: InMode, idempotency_key: IdempotencyKey = None
) -> MetricsAccepted:
    """One moment, or a list of moments. `cpu_usage` and `cpu` are the same series.

    Accepted means on disk, and kept for `RETENTION_DAYS` (400). A time that is older, or more than five minutes ahead,
    is refused, with an error for each such point; then no point of the call is accepted. So is a time on a day of
    which only a part has a partition that was made by hand.
    """
    points = MetricsPoints(points=tuple(body if isinstance(body, list) else [body]))
    several = isinstance(body, list)
    parts.recorder.check(points.points, several=several)
    call = once(f"POST /tenants/{tenant_id}/monitoring", idempotency_key, points)
    return await parts.recorder.record(mode, tenant_id, points.points, call, several=several)

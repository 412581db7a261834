"""`/api/v1/tenants/{id}/monitoring`"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Discriminator, Tag

from services.gateway.once import check_key
from services.gateway.routes.parameters import IdempotencyKey, InMode, PartsOf, TenantPath
from services.gateway.schemas.errors import answers
from services.gateway.schemas.monitoring import MetricsAccepted, MetricsPoint, MonitoringData
from shared.measuring import METRIC_NAME

router = APIRouter(prefix="/tenants/{tenant_id}/monitoring", tags=["monitoring"])
_MOST_POINTS = 1000
_MOST_HOURS = 720


def _form(body: Any) -> str:
    return "points" if isinstance(body, list) else "point"


Points = Annotated[
    Annotated[MetricsPoint, Tag("point")]
    | Annotated[list[MetricsPoint], Tag("points"), Query(min_length=1, max_length=_MOST_POINTS)],
    Discriminator(_form),
]


@router.get("", summary="Series of metrics", responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"))
async def get_monitoring(
    tenant_id: TenantPath,
    parts: PartsOf,
    mode: InMode,
    *,
    metric_type: Annotated[str | None, Query(pattern=METRIC_NAME, examples=["cpu"])] = None,
    hours: Annotated[int, Query(ge=1, le=_MOST_HOURS)] = 24,
    interval: Literal["1m", "5m", "1h"] = "5m",
) -> MonitoringData:
    """Means by interval. `metric_type` takes a family, too: `network` has `network_in` and `network_out`."""
    return await parts.queries.monitoring(mode, tenant_id, metric=metric_type, hours=hours, interval=interval)


@router.post(
    "",
    status_code=202,
    summary="Send metrics",
    responses=answers("TENANT_NOT_FOUND", "MONITORING_UNAVAILABLE", "DATABASE_ERROR", body=True),
)
async def post_monitoring(
    tenant_id: TenantPath, body: Points, parts: PartsOf, mode: InMode, idempotency_key: IdempotencyKey = None
) -> MetricsAccepted:
    """One moment, or a list of moments. `cpu_usage` and `cpu` are the same series."""
    points = body if isinstance(body, list) else [body]
    return await parts.recorder.record(mode, tenant_id, points, check_key(idempotency_key))

"""Handlers of events and requests: call the pure core, and publish or return the result."""

import structlog

from services.calculator.sizer import Sizer
from services.calculator.sizing.recommendation import recommend
from shared.bus import Delivery
from shared.catalog import Catalog
from shared.errors import Refused
from shared.events import (
    DeploymentContext,
    DeployRequested,
    Event,
    ResourcesCalculated,
    ResourcesRejected,
    TenantCreated,
)
from shared.rpc import CalculateRequest, Recommendation, RecommendRequest
from shared.sizing import Sizing
from shared.subjects import Mode
from shared.tenants import TenantSpec

_log = structlog.get_logger(__name__)


async def size_tenant(event: TenantCreated, delivery: Delivery, *, sizer: Sizer) -> list[Event]:
    """Size a tenant that was created or changed. One without a revision goes through the gateway first."""
    if event.revision is None:
        return []
    return [_sized(event.spec, event.revision, None, sizer)]


async def size_deployment(event: DeployRequested, delivery: Delivery, *, sizer: Sizer) -> list[Event]:
    """Size what is to be deployed. One without a generation goes through the gateway first."""
    if event.deployment is None:
        return []
    return [_sized(event.spec, None, event.deployment, sizer)]


async def calculate(request: CalculateRequest, mode: Mode, *, sizer: Sizer) -> Sizing:
    """Answer `rpc.calculate`."""
    return sizer.answer(request)


async def advise(request: RecommendRequest, mode: Mode, *, catalog: Catalog) -> Recommendation:
    """Answer `rpc.recommend`."""
    return recommend(request.sizing, request.usage, catalog)


def _sized(spec: TenantSpec, revision: int | None, deployment: DeploymentContext | None, sizer: Sizer) -> Event:
    log = _log.bind(tenant_id=spec.tenant_id, deployment_id=deployment and deployment.deployment_id)
    try:
        sizing = sizer.size_spec(spec)
    except Refused as error:
        log.info(f"Sizing refused: {error.message}", action="sizing-refused", code=error.code)
        return ResourcesRejected(
            tenant_id=spec.tenant_id,
            code=error.code,
            message=error.message,
            details=error.details,
            deployment=deployment,
        )
    log.info(f"Sized: preset {sizing.preset}, {sizing.estimated_cost}.", action="sized")
    return ResourcesCalculated(
        tenant_id=spec.tenant_id, spec=spec, sizing=sizing, revision=revision, deployment=deployment
    )

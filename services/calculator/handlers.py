"""Handlers of events and requests: call the pure core, and publish or return the result."""

import structlog

from services.calculator.sizing.recommendation import recommend
from services.calculator.sizing.sizer import Sizer
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

_log = structlog.get_logger(__name__)


async def size_tenant(event: TenantCreated, delivery: Delivery, *, sizer: Sizer) -> list[Event]:
    """Size a created or changed tenant. An event without a revision is skipped: the gateway ingests it first."""
    if event.revision is None:
        return []
    return [_resources(event, event.revision, None, sizer)]


async def size_deployment(event: DeployRequested, delivery: Delivery, *, sizer: Sizer) -> list[Event]:
    """Size what should be deployed. An event without a generation is skipped: the gateway ingests it first."""
    if event.deployment is None:
        return []
    return [_resources(event, None, event.deployment, sizer)]


async def calculate(request: CalculateRequest, mode: Mode, *, sizer: Sizer) -> Sizing:
    """Answer `rpc.calculate`."""
    return sizer.answer(request)


async def advise(request: RecommendRequest, mode: Mode, *, catalog: Catalog) -> Recommendation:
    """Answer `rpc.recommend`."""
    return recommend(request.sizing, request.usage, catalog)


def _resources(
    event: TenantCreated | DeployRequested, revision: int | None, deployment: DeploymentContext | None, sizer: Sizer
) -> Event:
    """Pass on a current sizing; size an event without one, or with another catalogue's."""
    spec = event.spec
    log = _log.bind(tenant_id=spec.tenant_id, deployment_id=deployment and deployment.deployment_id)
    known = event.sizing if event.sizing is not None and sizer.is_current(event.sizing) else None
    try:
        sizing = known or sizer.size_spec(spec)
    except Refused as error:
        log.info(f"Sizing refused: {error.message}", action="sizing-refused", code=error.code)
        return ResourcesRejected(
            tenant_id=spec.tenant_id,
            code=error.code,
            message=error.message,
            details=error.details,
            deployment=deployment,
        )
    sentence, action = ("Passed on", "sizing-passed-on") if known else ("Sized", "sized")
    log.info(f"{sentence}: preset {sizing.preset}, {sizing.estimated_cost}.", action=action)
    return ResourcesCalculated(
        tenant_id=spec.tenant_id, spec=spec, sizing=sizing, revision=revision, deployment=deployment
    )

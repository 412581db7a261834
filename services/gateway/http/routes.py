"""`/health`, `/ready` and `/metrics` of this process."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from services.gateway.http.exposition import Exposition
from shared.bus.status import StatusChecks
from shared.status import Health, Readiness

router = APIRouter(tags=["operations"])


async def _status(request: Request) -> StatusChecks:
    status: StatusChecks = request.app.state.status
    return status


async def _exposition(request: Request) -> Exposition:
    exposition: Exposition = request.app.state.exposition
    return exposition


async def _access_checks(request: Request) -> Callable[[], Mapping[str, str]]:
    checks: Callable[[], Mapping[str, str]] = request.app.state.access.checks
    return checks


Status = Annotated[StatusChecks, Depends(_status)]
AccessChecks = Annotated[Callable[[], Mapping[str, str]], Depends(_access_checks)]
"""The state of what proves who calls. It is no dependency that makes the process unready."""


@router.get(
    "/health",
    summary="Check that this process is alive",
    responses={503: {"model": Health, "description": "It is not"}},
)
async def get_health(status: Status, response: Response) -> Health:
    """Pings NATS: a client that was refused at a reconnect is alive but receives nothing."""
    found = await status.health()
    response.status_code = 200 if found.is_good else 503
    return found


@router.get(
    "/ready",
    summary="Check that it can serve",
    responses={503: {"model": Readiness, "description": "`missing` names the dependencies"}},
)
async def get_readiness(status: Status, access: AccessChecks, response: Response) -> Readiness:
    """Names each missing dependency with the reason. An identity provider is only in `checks`."""
    found = await status.readiness()
    response.status_code = 200 if found.ready else 503
    return found.model_copy(update={"checks": {**found.checks, **access()}})


@router.get("/metrics", summary="Get Prometheus metrics", response_class=PlainTextResponse)
async def get_prometheus_metrics(exposition: Annotated[Exposition, Depends(_exposition)]) -> Response:
    """The documented `ecp_tenant_*` metrics and those of the worker."""
    return Response(exposition.text(), media_type=CONTENT_TYPE_LATEST)

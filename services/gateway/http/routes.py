"""`/health`, `/ready` and `/metrics`."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.gateway.http.parameters import PartsOf

router = APIRouter(tags=["operations"])
_PING_TIMEOUT = 2.0


@router.get("/health", summary="Whether this copy works", responses={503: {"description": "It doesn't"}})
async def health(parts: PartsOf) -> Response:
    """A client that NATS refused at a reconnect is alive but deaf: hence the ping."""
    alive = not parts.worker.started or await parts.worker.broker.ping(timeout=_PING_TIMEOUT)
    return _answer(alive, {"status": "healthy" if alive else "no connection to NATS"})


@router.get("/ready", summary="Whether it can serve", responses={503: {"description": "`missing` says why not"}})
async def ready(parts: PartsOf) -> Response:
    """Which dependency is missing, and why."""
    missing = await parts.worker.dependencies.missing()
    is_ready = parts.worker.started and not missing
    return _answer(is_ready, {"ready": is_ready, "missing": missing})


@router.get("/metrics", summary="Prometheus' metrics", response_class=Response)
async def metrics(parts: PartsOf) -> Response:
    """The guides' `ecp_tenant_*`, and the bus's."""
    return Response(generate_latest(parts.worker.registry), media_type=CONTENT_TYPE_LATEST)


def _answer(good: bool, body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body, status_code=200 if good else 503)

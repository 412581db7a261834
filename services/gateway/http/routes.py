"""`/health`, `/ready` and `/metrics` of this process."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.bus import Worker

router = APIRouter(tags=["operations"])
_PING_TIMEOUT = 2.0
"""Seconds."""


async def _worker(request: Request) -> Worker:
    worker: Worker = request.app.state.worker
    return worker


OwnWorker = Annotated[Worker, Depends(_worker)]


@router.get("/health", summary="Check that this process is alive", responses={503: {"description": "It is not"}})
async def health(worker: OwnWorker) -> Response:
    """Pings NATS: a client that was refused at a reconnect is alive but receives nothing."""
    alive = not worker.started or await worker.broker.ping(timeout=_PING_TIMEOUT)
    return _answer(alive, {"status": "healthy" if alive else "no connection to NATS"})


@router.get(
    "/ready", summary="Check that it can serve", responses={503: {"description": "`missing` names the dependencies"}}
)
async def ready(worker: OwnWorker) -> Response:
    """Names each missing dependency with the reason."""
    missing = await worker.dependencies.missing()
    is_ready = worker.started and not missing
    return _answer(is_ready, {"ready": is_ready, "missing": missing})


@router.get("/metrics", summary="Get Prometheus metrics", response_class=Response)
async def metrics(worker: OwnWorker) -> Response:
    """The documented `ecp_tenant_*` metrics and those of the worker."""
    return Response(generate_latest(worker.registry), media_type=CONTENT_TYPE_LATEST)


def _answer(good: bool, body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body, status_code=200 if good else 503)

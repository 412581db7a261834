"""Runs a worker as a process: its consumers, and the HTTP side that tells how it is.

`/health` pings NATS (a client that was refused at a reconnect is alive but deaf), `/ready` names the dependencies
that are missing, `/metrics` is Prometheus'.
"""

from contextlib import suppress
from typing import Any, NoReturn

from faststream.asgi import AsgiFastStream, AsgiResponse, get
from prometheus_client import make_asgi_app

from shared.bus.status import StatusChecks
from shared.bus.worker import Worker
from shared.http.connections import ConnectionLimits
from shared.process.serving import run_process, serve, server_config
from shared.settings import BusSettings
from shared.status import ServiceStatus

_DRAIN_SECONDS = 1
"""For a scrape that is being answered at a stop."""


def run_worker(worker: Worker, settings: BusSettings) -> NoReturn:
    """Run until SIGTERM or SIGINT, which finish what is in flight. Exits with 1 if a background task failed."""
    config = server_config(
        status_app(worker),
        host=settings.host,
        port=settings.port,
        limits=ConnectionLimits(),
        drain_seconds=_DRAIN_SECONDS,
    )
    run_process(worker.service, settings.log_level, lambda: serve(config, lambda: _work(worker)))


async def _work(worker: Worker) -> None:
    """Start the worker; returns only if one of its background tasks failed."""
    try:
        await worker.start()
        if worker.failed is not None:
            with suppress(Exception):  # the worker has logged it
                await worker.failed
    finally:
        await worker.stop()


def status_app(worker: Worker) -> AsgiFastStream:
    """`/health`, `/ready` and `/metrics` of `worker`."""
    checks = StatusChecks(worker)

    @get
    async def health(scope: Any) -> AsgiResponse:
        found = await checks.health()
        return _answer(found, is_good=found.is_good)

    @get
    async def ready(scope: Any) -> AsgiResponse:
        found = await checks.readiness()
        return _answer(found, is_good=found.ready)

    return AsgiFastStream(
        asgi_routes=[("/health", health), ("/ready", ready), ("/metrics", make_asgi_app(worker.registry))], logger=None
    )


def _answer(status: ServiceStatus, *, is_good: bool) -> AsgiResponse:
    return AsgiResponse(
        status.model_dump_json().encode(),
        status_code=200 if is_good else 503,
        headers={"content-type": "application/json"},
    )

"""Runs a worker as a process: its HTTP side from the first moment on, its consumers once the dependencies are there.

`/health` asks whether the broker is connected (a client that was refused at a reconnect is alive but deaf), `/ready`
names what is missing, `/metrics` is Prometheus'. SIGTERM and SIGINT stop it; what is in flight is finished.
"""

import asyncio
import gc
import signal
import sys
from contextlib import suppress
from typing import Any

import orjson
import structlog
import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from prometheus_client import make_asgi_app

from shared.bus.worker import Worker
from shared.http.connections import Limits, bounded
from shared.http.listening import Server
from shared.logging import configure_logging
from shared.settings import BusSettings

_log = structlog.get_logger(__name__)


def run_worker(worker: Worker, settings: BusSettings) -> None:
    """Run until SIGTERM or SIGINT. Ends the process with 1 when a background task failed."""
    configure_logging(worker.service, settings.log_level)
    spare_what_is_loaded()
    sys.exit(asyncio.run(_serve(worker, settings)))


def spare_what_is_loaded() -> None:
    """Let the garbage collector pass over modules, models and catalogues: they stay, and a look at them takes 30 ms."""
    gc.collect()
    gc.freeze()


async def _serve(worker: Worker, settings: BusSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    server = _server(worker, settings)
    http = asyncio.create_task(server.serve())
    work = asyncio.create_task(_work(worker))
    signalled = asyncio.create_task(stop.wait())
    await asyncio.wait({http, work, signalled}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    work.cancel()
    signalled.cancel()
    with suppress(asyncio.CancelledError):
        await work
    await http
    return 1 if work.done() and not work.cancelled() and not stop.is_set() else 0


async def _work(worker: Worker) -> None:
    """Start, and return only when a background task failed."""
    try:
        await worker.start()
        if worker.failed is not None:
            with suppress(Exception):
                await asyncio.shield(worker.failed)
    finally:
        await worker.stop()


def _server(worker: Worker, settings: BusSettings) -> uvicorn.Server:
    return Server(
        uvicorn.Config(
            status_app(worker),
            http=bounded(Limits()),
            host=settings.host,
            port=settings.port,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )


def status_app(worker: Worker) -> AsgiFastStream:
    """`/health`, `/ready` and `/metrics` of `worker`."""

    @get
    async def health(scope: Any) -> AsgiResponse:
        alive = not worker.started or await worker.broker.ping(timeout=2.0)
        return _answer(alive, {"status": "healthy" if alive else "no connection to NATS"})

    @get
    async def ready(scope: Any) -> AsgiResponse:
        missing = await worker.dependencies.missing()
        return _answer(worker.started and not missing, {"ready": worker.started and not missing, "missing": missing})

    return AsgiFastStream(
        asgi_routes=[("/health", health), ("/ready", ready), ("/metrics", make_asgi_app(worker.registry))], logger=None
    )


def _answer(good: bool, body: dict[str, Any]) -> AsgiResponse:
    return AsgiResponse(
        orjson.dumps(body), status_code=200 if good else 503, headers={"content-type": "application/json"}
    )

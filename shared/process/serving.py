"""The one server loop of all processes: HTTP, the service's own work beside it, signals and the exit status.

HTTP answers from the first moment on, so that `/health` works and `/ready` names what is missing while the service
still waits for its dependencies. SIGTERM and SIGINT stop the process in this order: long-lived streams end, requests
in flight are answered within the configured drain time, and only then is the work cancelled, because requests may
need it until their answer.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

import structlog
import uvicorn

from shared.errors import PermanentError
from shared.http.connections import ConnectionLimits, bounded, raise_descriptor_limit
from shared.http.listening import HttpServer, Listener, ServerConfig
from shared.logging import configure_logging

_log = structlog.get_logger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
ServiceWork = Callable[[], Coroutine[Any, Any, Any]]


def run_process(service: str, log_level: str, main: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
    """Configure the logs, run `main` and end the process with its exit status."""
    configure_logging(service, log_level)
    freeze_loaded_objects()
    gc.enable()
    sys.exit(asyncio.run(main()))


def freeze_loaded_objects() -> None:
    """Exclude modules, models and catalogues from garbage collection: they stay, and scanning them takes 30 ms."""
    gc.collect()
    gc.freeze()


def server_config(
    app: Any,
    *,
    host: str,
    port: int,
    limits: ConnectionLimits,
    drain_seconds: int,
    lifespan: bool = False,
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> ServerConfig:
    """How uvicorn serves `app`. `drain_seconds` bounds the answers that are in flight at a stop.

    `listeners` are its ports if `port` without TLS isn't the only one. `options` are further ones of uvicorn, such as
    those of its WebSockets.
    """
    config = ServerConfig(
        app,
        host=host,
        port=port,
        http=bounded(limits),
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=drain_seconds,
        lifespan="on" if lifespan else "off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # It would trust every program on this machine to name its client; `shared.http.client_address` has a setting.
        proxy_headers=False,
        **options,
    )
    config.listeners = tuple(listeners)
    return config


async def serve(
    config: uvicorn.Config,
    work: ServiceWork,
    *,
    limits: ConnectionLimits | None = None,
    end_streams: Callable[[], None] | None = None,
) -> int:
    """Serve HTTP and run `work` until SIGTERM or SIGINT; the exit status, 1 if either ended by itself.

    `limits` raises the process's limit of file descriptors. `end_streams` ends answers that last as long as a client
    listens, which would use up the drain time.
    """
    if limits is not None:
        raise_descriptor_limit(limits)
    server, stop = _SignalledServer(config), asyncio.Event()
    _on_signals(server, stop)
    http = asyncio.create_task(server.serve())
    running, stopped = asyncio.create_task(work()), asyncio.create_task(stop.wait())
    await asyncio.wait({http, running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    has_failed = not stop.is_set()
    if end_streams is not None:
        end_streams()
    server.should_exit = True
    stopped.cancel()
    await http
    await _end_work(running)
    return 1 if has_failed else 0


class _SignalledServer(HttpServer):
    """A server that leaves the signals to `serve`: uvicorn would end the process by the signal when it has stopped."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


def _on_signals(server: uvicorn.Server, stop: asyncio.Event) -> None:
    def handle(number: int) -> None:
        server.handle_exit(number, None)  # a second SIGINT ends the drain
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, handle, number)


async def _end_work(running: asyncio.Task[Any]) -> None:
    """Cancel the work once, and let it finish: a second cancellation would cut its clean-up short."""
    ended_by_itself = running.done()
    running.cancel()
    await asyncio.wait([running])
    error = None if running.cancelled() else running.exception()
    if ended_by_itself and isinstance(error, PermanentError):
        _log.error(error.message, action="service-refused", code=error.code)
    elif ended_by_itself:
        _log.error("The service ended by itself; the process exits.", action="service-ended", exc_info=error)

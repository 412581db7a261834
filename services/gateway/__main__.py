"""`python -m services.gateway`: REST and WebSockets on 127.0.0.1:8001 (PORT)."""

import asyncio
import signal
import sys

import uvicorn

from services.gateway.app import create_app
from services.gateway.settings import Settings
from shared.bus.serving import spare_what_is_loaded
from shared.catalog import CatalogInvalid
from shared.http.connections import bounded, bounded_socket, raise_descriptor_limit
from shared.http.listening import Server
from shared.logging import configure_logging
from shared.settings import load

_LARGEST_SOCKET_MESSAGE = 16 * 1024
"""Bytes; a subscription to a hundred metrics has 5 KB."""


def server_config(app: object, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the gateway. Sans-I/O WebSockets without compression cost a third of the default's time."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        http=bounded(settings.connection_limits),
        ws=bounded_socket(settings.connection_limits),
        ws_per_message_deflate=False,
        ws_max_size=_LARGEST_SOCKET_MESSAGE,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_timeout,
    )


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 1 if a background task failed."""
    failed = asyncio.Event()
    server: Server

    def stop() -> None:
        server.should_exit = True

    def fail() -> None:
        failed.set()
        stop()

    raise_descriptor_limit(settings.connection_limits)
    server = Server(server_config(create_app(settings, on_failure=fail), settings))
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has stopped; with a handler of ours that isn't the end by signal.
        loop.add_signal_handler(each, stop)
    await server.serve()
    return 1 if failed.is_set() else 0


def main() -> None:
    settings = load(Settings)
    configure_logging("gateway", settings.log_level)
    spare_what_is_loaded()
    try:
        status: int | str = asyncio.run(serve(settings))
    except CatalogInvalid as error:
        status = error.message
    sys.exit(status)


if __name__ == "__main__":
    main()

"""`python -m services.gateway`: REST and WebSockets on 127.0.0.1:8001 (PORT), by TLS if it has a certificate."""

import asyncio
import sys

import uvicorn

from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from shared.catalog import CatalogInvalid
from shared.http.listening import Listener
from shared.http.websocket_connections import bounded_socket
from shared.process import serving
from shared.settings import load

_LARGEST_SOCKET_MESSAGE = 16 * 1024
"""Bytes; a subscription to a hundred metrics has 5 KB."""


def server_config(app: object, settings: GatewaySettings) -> uvicorn.Config:
    """The configuration of the server. Sans-I/O WebSockets without compression take a third of the default's time."""
    return serving.server_config(
        app,
        host=settings.host,
        port=settings.port,
        limits=settings.connection_limits,
        drain_seconds=settings.stop_timeout,
        lifespan=True,
        listeners=[Listener(settings.port, settings.certificate())],
        ws=bounded_socket(settings.connection_limits),
        ws_per_message_deflate=False,
        ws_max_size=_LARGEST_SOCKET_MESSAGE,
    )


async def serve(settings: GatewaySettings) -> int:
    """Serve until SIGTERM or SIGINT; 1 if a background task failed. Raises CatalogInvalid.

    The application's lifespan runs the worker, so that requests in flight still have it while they are drained.
    """
    failed = asyncio.Event()
    app = create_app(settings, on_failure=failed.set)
    return await serving.serve(server_config(app, settings), failed.wait, limits=settings.connection_limits)


def main() -> None:
    """Run the gateway as a process."""
    settings = load(GatewaySettings)
    try:
        serving.run_process("gateway", settings.log_level, lambda: serve(settings))
    except CatalogInvalid as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()

"""`python -m tests.unit.http.few_descriptors <port>`: a server that may open 48 files, and keeps none for others."""

import asyncio
import resource
import sys

import structlog
import uvicorn
from starlette.responses import PlainTextResponse

from shared.http.connections import ConnectionLimits, bounded
from shared.http.listening import HttpServer
from shared.logging import configure_logging


async def serve(port: int) -> None:
    limits = ConnectionLimits(connections=1000, kept_descriptors=-100)
    config = uvicorn.Config(PlainTextResponse("ok"), port=port, http=bounded(limits), log_config=None, lifespan="off")
    server = HttpServer(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    structlog.get_logger().warning("listening")
    await running


if __name__ == "__main__":
    configure_logging("few-descriptors", "WARNING", as_json=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
    asyncio.run(serve(int(sys.argv[1])))

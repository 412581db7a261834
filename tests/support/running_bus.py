"""A NATS server of one's own, with all streams, consumers and buckets of both modes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats

from embedded.nats import running_nats
from shared.bus.bootstrap import bootstrap


@asynccontextmanager
async def running_bus(directory: Path) -> AsyncIterator[str]:
    """Its URL: for services whose events no other test's service may get."""
    async with running_nats(directory, durable=False) as url:
        client = await nats.connect(url)
        await bootstrap(client.jetstream())
        await client.close()
        yield url

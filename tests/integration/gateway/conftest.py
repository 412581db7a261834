"""The gateway that the tests of this folder share."""

from collections.abc import AsyncIterator

import pytest

from embedded.postgres import PostgresServer
from tests.support.gateway import Gateway, gateway_with_workers


@pytest.fixture(scope="package")
async def gateway(nats_url: str, postgres: PostgresServer) -> AsyncIterator[Gateway]:
    """One gateway with its workers for all tests of this folder that break nothing; it would poll on afterwards."""
    async with gateway_with_workers(nats_url, postgres) as running:
        yield running

"""The gateway that the tests of this folder share."""

from collections.abc import AsyncIterator

import pytest

from embedded.postgres import PostgresServer
from tests.support.gateway import Gateway, gateway_with_workers
from tests.support.secured_gateway import secured_copy
from tests.support.token_issuer import TokenIssuer, running_issuer


@pytest.fixture(scope="package")
async def gateway(nats_url: str, postgres: PostgresServer) -> AsyncIterator[Gateway]:
    """One gateway with its workers for all tests of this folder that break nothing; it would poll on afterwards."""
    async with gateway_with_workers(nats_url, postgres) as running:
        yield running


@pytest.fixture(scope="package")
async def issuer() -> AsyncIterator[TokenIssuer]:
    """The identity provider of `secured`."""
    async with running_issuer() as running:
        yield running


@pytest.fixture(scope="package")
async def secured(gateway: Gateway, issuer: TokenIssuer) -> AsyncIterator[Gateway]:
    """A second copy of `gateway`, with authentication: each call needs a token of `issuer`, or an API key."""
    async with secured_copy(gateway, issuer) as running:
        yield running

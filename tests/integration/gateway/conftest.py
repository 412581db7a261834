"""The gateway that the tests of this folder share."""

from collections.abc import AsyncIterator

import pytest

from embedded.postgres import PostgresServer
from tests.support.gateway import Gateway, gateway_with_workers, running_gateway, wait_until_ready
from tests.support.polling import eventually
from tests.support.token_issuer import CLIENT, TokenIssuer, running_issuer


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
    same = gateway.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with running_gateway(**same, oidc_issuer=issuer.url, oidc_client_id=CLIENT, rate_limits="off") as running:
        await wait_until_ready(running)
        await eventually(lambda: _knows_its_provider(running))
        yield running


async def _knows_its_provider(gateway: Gateway) -> bool:
    """Whether it has the provider's keys: on a busy machine the first fetch may be too late."""
    checks = (await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}/ready")).json()["checks"]
    return bool(checks["identity provider"] == "ok")

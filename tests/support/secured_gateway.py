"""A gateway that asks for credentials."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.gateway import Gateway, running_gateway, wait_until_ready
from tests.support.polling import eventually
from tests.support.token_issuer import CLIENT, TokenIssuer


@asynccontextmanager
async def secured_copy(gateway: Gateway, issuer: TokenIssuer) -> AsyncIterator[Gateway]:
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

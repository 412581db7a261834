"""The bound of queries for credentials, which come before the bound of calls in work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from services.gateway.access.lookups import AT_ONCE, MOST_WAITING, CredentialLookups
from shared.errors import Overloaded
from shared.subjects import Mode


class SlowDatabase:
    """Its transactions last until they are released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.open = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        self.open += 1
        yield None
        self.open -= 1


async def test_few_connections_look_up_credentials_and_the_rest_is_refused() -> None:
    databases = {mode: SlowDatabase() for mode in Mode}
    lookups = CredentialLookups(cast(Any, databases))
    demo = databases[Mode.DEMO]

    async def look_up() -> None:
        async with lookups.begin(Mode.DEMO):
            await demo.released.wait()

    tasks = [asyncio.create_task(look_up()) for _ in range(AT_ONCE + MOST_WAITING)]
    await asyncio.sleep(0)
    assert demo.open == AT_ONCE
    with pytest.raises(Overloaded, match="credentials of demo mode"):
        await look_up()
    async with lookups.begin(Mode.PRODUCTION):
        assert databases[Mode.PRODUCTION].open == 1
    demo.released.set()
    await asyncio.gather(*tasks)
    assert demo.open == 0
    await look_up()

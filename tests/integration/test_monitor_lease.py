"""The sampler's lease, on a real key-value bucket whose time to live is short."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from embedded.nats import NatsServer
from services.monitor.collect.lease import Lease
from shared.errors import DependencyUnavailable

LIFETIME = 0.6


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, reconnect_time_wait=0.05, max_reconnect_attempts=-1, error_cb=_ignore)
    await client.jetstream().create_key_value(
        KeyValueConfig(bucket="leases", ttl=LIFETIME, history=1, storage=StorageType.FILE)
    )
    yield client
    await client.close()


async def _ignore(_: Exception) -> None:
    """An outage is what some of these tests are about."""


def lease(client: Client, owner: str) -> Lease:
    async def bucket() -> KeyValue:
        return await client.jetstream(timeout=0.5).key_value("leases")

    return Lease(bucket, "sampler", owner)


async def until_held(candidate: Lease) -> None:
    async with asyncio.timeout(10):
        while True:
            if await candidate.hold():
                return
            await asyncio.sleep(0.05)


async def test_only_one_of_two_holds_it(client: Client) -> None:
    first, second = lease(client, "first"), lease(client, "second")
    assert await first.hold()
    assert not await second.hold()
    assert first.is_held
    assert not second.is_held


async def test_who_keeps_it_keeps_it_beyond_its_lifetime(client: Client) -> None:
    first, second = lease(client, "first"), lease(client, "second")
    deadline = asyncio.get_running_loop().time() + 3 * LIFETIME
    while asyncio.get_running_loop().time() < deadline:
        assert await first.hold()
        assert not await second.hold()
        await asyncio.sleep(LIFETIME / 4)


async def test_when_its_holder_falls_silent_another_one_takes_over(client: Client) -> None:
    first, second = lease(client, "first"), lease(client, "second")
    assert await first.hold()
    await until_held(second)
    assert not first.is_held, "the first must know by its own clock that its time is over"
    assert not await first.hold()


async def test_what_is_released_can_be_taken_at_once(client: Client) -> None:
    first, second = lease(client, "first"), lease(client, "second")
    assert await first.hold()
    await first.release()
    assert not first.is_held
    assert await second.hold()


async def test_releasing_what_was_lost_takes_nothing_from_the_new_holder(client: Client) -> None:
    first, second = lease(client, "first"), lease(client, "second")
    assert await first.hold()
    await until_held(second)
    await first.release()
    assert await second.hold()


async def test_a_write_that_was_not_acknowledged_does_not_lose_it(client: Client) -> None:
    first = lease(client, "first")
    assert await first.hold()
    await (await client.jetstream().key_value("leases")).put("sampler", b"first")
    assert await first.hold()
    assert await first.hold()


async def test_without_nats_it_is_an_outage_and_afterwards_it_can_be_held_again(
    client: Client, server: NatsServer
) -> None:
    first = lease(client, "first")
    assert await first.hold()
    server.kill()
    with pytest.raises(DependencyUnavailable):
        await first.hold()
    await server.start()
    async with asyncio.timeout(10):
        while True:
            try:
                if await first.hold():
                    return
            except DependencyUnavailable:
                await asyncio.sleep(0.05)

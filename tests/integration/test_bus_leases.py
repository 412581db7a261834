"""Leases on a real key-value bucket with a short time to live."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from embedded.nats import NatsServer
from shared.bus.leases import Lease, Leases
from shared.errors import DependencyUnavailable

LIFETIME = 4.0
"""Seconds; a busy machine may stop a test for one or two of them, in which a lease must not end."""


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
    """Accept connection errors, because some tests stop the server."""


def lease(client: Client, owner: str) -> Lease:
    async def bucket() -> KeyValue:
        return await client.jetstream(timeout=5).key_value("leases")

    return Leases(bucket, owner).lease("sampler")


async def until_held(candidate: Lease) -> None:
    async with asyncio.timeout(60):
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


async def test_a_holder_that_renews_it_keeps_it_beyond_its_time_to_live(client: Client) -> None:
    first, second = lease(client, "first"), lease(client, "second")
    deadline = asyncio.get_running_loop().time() + 1.5 * LIFETIME
    while asyncio.get_running_loop().time() < deadline:
        assert await first.hold()
        assert not await second.hold()
        await asyncio.sleep(LIFETIME / 4)


async def test_when_its_holder_stops_renewing_another_one_takes_over(client: Client) -> None:
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
    async with asyncio.timeout(60):
        while True:
            try:
                if await first.hold():
                    return
            except DependencyUnavailable:
                await asyncio.sleep(0.05)


async def lease_bucket(client: Client, seconds: float) -> KeyValue:
    name = f"leases-{uuid.uuid4().hex[:8]}"
    return await client.jetstream().create_key_value(KeyValueConfig(bucket=name, ttl=seconds))


def leases_of(bucket: KeyValue, holder: str) -> Leases:
    async def get() -> KeyValue:
        return bucket

    return Leases(get, holder)


async def test_only_one_holds_a_lease_and_keeps_it_beyond_its_time_to_live(client: Client) -> None:
    bucket = await lease_bucket(client, LIFETIME)
    first, second = leases_of(bucket, "first"), leases_of(bucket, "second")
    begun, finish = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await finish.wait()

    async def never() -> None:
        raise AssertionError("must not work without the lease")

    holding = asyncio.create_task(first.while_held("key", work))
    await begun.wait()
    end = asyncio.get_running_loop().time() + 1.5 * LIFETIME
    while asyncio.get_running_loop().time() < end:
        assert not await second.while_held("key", never)
        await asyncio.sleep(0.1)
    finish.set()
    assert await holding


async def test_a_lease_is_given_back_at_the_end_and_after_a_failure(client: Client) -> None:
    bucket = await lease_bucket(client, 60.0)

    async def fail() -> None:
        raise ValueError

    async def succeed() -> None:
        return

    with pytest.raises(ValueError):
        await leases_of(bucket, "first").while_held("key", fail)
    assert await leases_of(bucket, "second").while_held("key", succeed)


async def test_a_lease_whose_holder_is_gone_is_free_after_its_time_to_live(client: Client) -> None:
    bucket = await lease_bucket(client, 1.0)
    await bucket.create("key", b"gone")

    async def work() -> None:
        return

    async with asyncio.timeout(60):
        while not await leases_of(bucket, "second").while_held("key", work):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_work_ends_when_the_lease_is_lost(client: Client) -> None:
    bucket = await lease_bucket(client, 2 * LIFETIME)
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    holding = asyncio.create_task(leases_of(bucket, "first").while_held("key", work))
    await begun.wait()
    await bucket.put("key", b"thief")
    assert await asyncio.wait_for(holding, 60)
    assert (await bucket.get("key")).value == b"thief"


async def test_a_lease_that_expires_between_two_reads_is_no_outage(client: Client) -> None:
    class Fleeting:
        """A bucket whose entry expires just after the failed attempt to create it."""

        async def status(self) -> Any:
            return SimpleNamespace(ttl=1.0)

        async def create(self, key: str, value: bytes) -> int:
            raise KeyNotFoundError

    async def never() -> None:
        raise AssertionError("must not work without the lease")

    assert not await leases_of(cast(KeyValue, Fleeting()), "first").while_held("key", never)

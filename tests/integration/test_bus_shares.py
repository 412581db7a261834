"""Copies divide work by keys in a real bucket with a short time to live."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import KeyValueConfig
from nats.js.kv import KeyValue

from embedded.nats import NatsServer
from shared.bus.leases import Leases
from shared.bus.shares import SHARDS, Shares, shard_of
from shared.errors import DependencyUnavailable
from tests.support.polling import eventually

LIFETIME = 5.0
"""Seconds; a busy machine may stop a test for one or two of them, in which a share must not end."""
ALL = frozenset(range(SHARDS))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, reconnect_time_wait=0.05, max_reconnect_attempts=-1, error_cb=_ignore)
    await client.jetstream().create_key_value(KeyValueConfig(bucket="leases", ttl=LIFETIME))
    yield client
    await client.close()


async def _ignore(_: Exception) -> None:
    """Accept connection errors, because a test stops the server."""


def copy(client: Client, name: str) -> Shares:
    async def bucket() -> KeyValue:
        return await client.jetstream(timeout=5).key_value("leases")

    return Shares(Leases(bucket, name), "work", "leases", lambda: client.jetstream(timeout=5))


async def renew(copies: Sequence[Shares], times: int = 1) -> None:
    for _ in range(times):
        await asyncio.gather(*(each.renew() for each in copies))


async def test_one_copy_has_everything_from_its_first_renewal_on(client: Client) -> None:
    only = copy(client, "only")
    assert not only.shards
    assert await only.renew()
    assert only.shards == ALL
    assert only.includes("acme")


async def test_three_copies_have_a_third_each_and_no_shard_twice(client: Client) -> None:
    copies = [copy(client, name) for name in ("one", "two", "three")]
    await renew(copies, times=3)
    assert [len(each.shards) for each in copies] == [SHARDS // 3] * 3
    assert frozenset().union(*(each.shards for each in copies)) == ALL
    assert [each.includes("acme") for each in copies].count(True) == 1
    assert any(shard_of("acme") in each.shards for each in copies)


async def test_while_a_copy_joins_no_shard_is_left_out(client: Client) -> None:
    first, second = copy(client, "first"), copy(client, "second")
    await renew([first], times=2)
    await second.renew()
    assert first.shards | second.shards == ALL
    await first.renew()
    assert first.shards == ALL, "what has just moved is kept for one more renewal"
    await first.renew()
    assert first.shards | second.shards == ALL
    assert not first.shards & second.shards


async def test_what_a_copy_releases_the_others_have_at_their_next_renewal(client: Client) -> None:
    first, second = copy(client, "first"), copy(client, "second")
    await renew([first, second], times=3)
    await second.release()
    assert not second.shards
    await first.renew()
    assert first.shards == ALL


async def test_a_dead_copy_s_share_goes_to_the_others_when_its_key_has_expired(client: Client) -> None:
    first, dead = copy(client, "first"), copy(client, "dead")
    await renew([first, dead], times=3)
    assert first.shards != ALL

    async def has_all() -> bool:
        await first.renew()
        return first.shards == ALL

    await eventually(has_all)
    assert not dead.shards, "the dead one, if it only slept, must know by its own clock that its time is over"


async def test_more_copies_than_shards_leave_some_without_a_share(client: Client) -> None:
    copies = [copy(client, f"copy-{number}") for number in range(SHARDS + 2)]
    await renew(copies, times=3)
    assert sorted(len(each.shards) for each in copies) == [0, 0, *[1] * SHARDS]


async def test_without_nats_it_is_an_outage_and_the_share_ends_with_its_time(
    client: Client, server: NatsServer
) -> None:
    only = copy(client, "only")
    await only.renew()
    server.kill()
    with pytest.raises(DependencyUnavailable):
        await only.renew()

    async def has_none() -> bool:
        return not only.shards

    await eventually(has_none)

"""Manifests that nothing needs any more are removed, by the gateway and within its permissions, and no others."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import nats.errors
import pytest
from nats.aio.client import Client
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from services.gateway.deployments.repository import digests
from services.gateway.manifests.manifest_gc import ManifestGc, StoredManifest
from services.manifest.store import RenderedManifests
from shared.bus import Worker
from shared.subjects import Bucket, Mode, manifest_key
from tests.support.gateway import Gateway
from tests.support.guarded_bus import GuardedBus, embedded_bus

STREAM = "KV_demo_manifests"
LONG_AGO = timedelta(days=-1)
"""With this everything that is there is old: the server gives the time, and no test waits for 90 days."""


def text(number: int) -> str:
    return f"kind: Namespace # {number}\n" * 20_000


def digest(number: int) -> str:
    return f"sha256:{hashlib.sha256(text(number).encode()).hexdigest()}"


@dataclass
class World:
    bus: GuardedBus
    gateway: Client
    manifest: Worker
    theirs: KeyValue
    """The manifests as the deployer may read them."""

    async def keep(self, *numbers: int) -> None:
        manifests = RenderedManifests(partial(self.manifest.key_value, Bucket.MANIFESTS, Mode.DEMO))
        for number in numbers:
            await manifests.keep(digest(number), text(number))

    async def has(self, number: int) -> bool:
        try:
            return (await self.theirs.get(manifest_key(digest(number)))).value == text(number).encode()
        except KeyNotFoundError:
            return False

    async def collect(self, *named: int, older_than: timedelta = LONG_AGO) -> int:
        async def in_rows() -> set[str]:
            return {digest(number) for number in named}

        return await ManifestGc(Mode.DEMO, self.gateway.jetstream()).collect(in_rows, older_than=older_than)

    async def kept(self, number: int) -> StoredManifest:
        """As a collection reads it."""
        everything = await ManifestGc(Mode.DEMO, self.gateway.jetstream()).older(datetime.now(UTC) - LONG_AGO)
        return next(each for each in everything if each.key == manifest_key(digest(number)))


@pytest.fixture
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with embedded_bus(tmp_path_factory.mktemp("collecting")) as bus:
        manifest, gateway, deployer = bus.worker("manifest"), await bus.client("gateway"), await bus.client("deployer")
        await manifest.start()
        yield World(bus, gateway, manifest, await deployer.jetstream().key_value("demo_manifests"))
        await manifest.stop()
        await gateway.close()
        await deployer.close()


async def test_what_nothing_needs_is_removed_with_all_that_it_took(world: World) -> None:
    await world.keep(1, 2)
    assert await world.collect(2) == 1
    assert [await world.has(number) for number in (1, 2)] == [False, True]
    assert (await world.gateway.jetstream().stream_info(STREAM)).state.messages == 1
    assert await world.collect(2) == 0


async def test_what_a_row_or_the_deployer_names_stays(world: World) -> None:
    await world.keep(1, 2, 3, 4)
    deployer = await world.bus.client("deployer")
    for number, bucket in ((2, "demo_desired"), (3, "demo_applied")):
        record = f'{{"digest": "{digest(number)}"}}'.encode()
        await (await deployer.jetstream().key_value(bucket)).put(f"simulator.t{number}", record)
    await deployer.close()
    assert await world.collect(1) == 1
    assert [await world.has(number) for number in (1, 2, 3, 4)] == [True, True, True, False]


async def test_a_recent_manifest_stays_even_without_references(world: World) -> None:
    await world.keep(1)
    assert await world.collect(2, older_than=timedelta(minutes=1)) == 0
    assert await world.has(1)


async def test_a_database_without_deployments_is_not_believed(world: World) -> None:
    await world.keep(1)
    assert await world.collect() == 0
    assert await world.has(1)


async def test_what_is_rendered_again_is_new_again_and_not_removed_as_what_it_was(world: World) -> None:
    await world.keep(1)
    seen = await world.kept(1)
    await world.keep(1)
    await ManifestGc(Mode.DEMO, world.gateway.jetstream()).delete(seen)
    assert await world.has(1)
    assert (await world.kept(1)).sequence > seen.sequence


async def test_a_render_after_a_deletion_stores_it_again(world: World) -> None:
    await world.keep(1)
    await world.collect(2)
    assert not await world.has(1)
    await world.keep(1)
    assert await world.has(1)


@pytest.mark.parametrize("account", ["calculator", "manifest", "deployer", "monitor", "operator", "outside"])
async def test_no_other_account_can_delete_a_manifest(world: World, account: str) -> None:
    await world.keep(1)
    client = await world.bus.client(account)
    seen = await world.kept(1)
    with pytest.raises((nats.errors.Error, TimeoutError)):
        await ManifestGc(Mode.DEMO, client.jetstream(timeout=0.5)).delete(seen)
    assert await world.has(1)
    await client.close()


async def test_the_gateway_can_write_none(world: World) -> None:
    await world.keep(1)
    bucket = await world.gateway.jetstream(timeout=0.5).key_value("demo_manifests")
    with pytest.raises(nats.errors.TimeoutError):
        await bucket.put(manifest_key(digest(1)), b"kind: Something else")
    assert await world.has(1)


async def test_every_digest_of_a_deployment_is_named(gateway: Gateway) -> None:
    created = await gateway.create()
    await gateway.eventually(f"/tenants/{created['tenant_id']}/deployment-status", phase="validating")
    rendered = (await gateway.get(f"/deployments/{created['deployment_id']}"))["digest"]
    async with gateway.database.begin() as connection:
        assert rendered in await digests(connection)

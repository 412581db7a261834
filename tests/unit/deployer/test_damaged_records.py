"""Records and manifests that a disk damaged, in a way that NATS doesn't notice, count as lost."""

import hashlib
from typing import Any, cast

import pytest

from services.deployer.state.errors import ManifestMissing
from services.deployer.state.manifest_reader import ManifestReader
from shared.errors import PermanentError
from shared.events import DeployCompleted, TenantDeleted
from shared.subjects import Bucket, manifest_key
from tests.support.deployer_fakes import FakeKeyValue
from tests.support.deployer_scenario import KEY, TenantScenario, deployment, namespace

OBJECTS = [namespace(), deployment("callbot")]


async def change(bucket: FakeKeyValue, key: str, value: bytes) -> None:
    await bucket.update(key, value, last=(await bucket.get(key)).revision)


async def damage(bucket: FakeKeyValue, key: str) -> None:
    """Remove the start, as flipped bits in the length of a message's headers do."""
    await change(bucket, key, (await bucket.get(key)).value[7:])


@pytest.mark.parametrize("bucket", [Bucket.DESIRED, Bucket.APPLIED])
async def test_a_damaged_record_of_a_settled_tenant_stops_no_later_operation(bucket: Bucket) -> None:
    scenario = TenantScenario()
    first = await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await damage(scenario.buckets[bucket], KEY)
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    assert [type(event) for event in scenario.events_of(first)].count(DeployCompleted) == 1
    await damage(scenario.buckets[bucket], KEY)
    deletion = await scenario.desire(2)
    await scenario.settle()
    assert isinstance(scenario.events_of(deletion)[-1], TenantDeleted)
    assert not scenario.cluster.names


@pytest.mark.parametrize("bucket", [Bucket.DESIRED, Bucket.APPLIED])
async def test_a_damaged_record_is_still_a_record(bucket: Bucket) -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await damage(scenario.buckets[bucket], KEY)
    assert await scenario.states.has_records(KEY)


async def test_a_record_of_a_newer_version_is_not_replaced() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await change(scenario.buckets[Bucket.DESIRED], KEY, b'{"of": "a newer version"}')
    with pytest.raises(PermanentError, match="can't be read"):
        await scenario.desire(2, OBJECTS)


async def test_a_damaged_manifest_counts_as_missing_so_that_it_is_rendered_again() -> None:
    text = b"kind: List"
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    bucket = FakeKeyValue()

    class Buckets:
        async def key_value(self, _: Bucket) -> FakeKeyValue:
            return bucket

    reader = ManifestReader(cast(Any, Buckets()))
    await bucket.create(manifest_key(digest), text)
    assert await reader.fetch(digest) == text.decode()
    await damage(bucket, manifest_key(digest))
    with pytest.raises(ManifestMissing, match="damaged"):
        await reader.fetch(digest)

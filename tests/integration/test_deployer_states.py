"""Records and leases on a real NATS server."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js.kv import KeyValue

from embedded.nats import NatsServer
from services.deployer.state.errors import RevisionConflict
from services.deployer.state.generations import HigherGeneration
from services.deployer.state.records import AppliedState, DesiredState, StatusEvent
from services.deployer.state.repository import StateRepository
from shared.bus.bootstrap import bootstrap
from shared.errors import DependencyUnavailable
from shared.events import Phase
from shared.outcomes import Outcome
from shared.subjects import Bucket, Mode, Subject


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    client = await nats.connect(nats_url)
    yield client
    await client.close()


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


class Buckets:
    """The buckets of demo mode, opened once each."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._opened: dict[Bucket, KeyValue] = {}

    async def key_value(self, bucket: Bucket) -> KeyValue:
        if bucket not in self._opened:
            self._opened[bucket] = await self._client.jetstream().key_value(Mode.DEMO.bucket(bucket))
        return self._opened[bucket]


def states_of(client: Client) -> StateRepository:
    return StateRepository(Buckets(client))


@pytest.fixture
def states(client: Client) -> StateRepository:
    return states_of(client)


def desired(tenant: str, generation: int) -> DesiredState:
    return DesiredState(
        tenant_id=tenant,
        target="test",
        deployment_id=f"dep-{generation}",
        generation=generation,
        action="deploy",
        digest="sha256:0",
        correlation_id="req",
    )


def applied(desired: DesiredState, outcome: Outcome = Outcome.RUNNING) -> AppliedState:
    last_event = StatusEvent(
        subject=Subject.DEPLOY_STARTED, sequence=0, phase=Phase.CREATING_NAMESPACE, progress=10, message="x"
    )
    return AppliedState.model_validate(
        {
            "deployment_id": desired.deployment_id,
            "generation": desired.generation,
            "outcome": outcome,
            "started_at": "2026-01-01T00:00:00Z",
            "word": last_event,
        }
    )


async def test_the_highest_of_many_at_once_stays(states: StateRepository, tenant: str) -> None:
    await asyncio.gather(*(states.set_desired(desired(tenant, generation)) for generation in (3, 1, 5, 2, 4)))
    state = await states.read(f"test.{tenant}")
    assert state.desired is not None
    assert state.desired.generation == 5
    assert await states.set_desired(desired(tenant, 4)) == HigherGeneration(5)
    assert await states.set_desired(desired(tenant, 5)) == state


async def test_of_two_that_record_only_the_first_gets_through(states: StateRepository, tenant: str) -> None:
    wanted = desired(tenant, 1)
    revision = await states.record(wanted.key, applied(wanted), 0)
    with pytest.raises(RevisionConflict):
        await states.record(wanted.key, applied(wanted), 0)
    await states.record(wanted.key, applied(wanted, Outcome.COMPLETED), revision)
    with pytest.raises(RevisionConflict):
        await states.record(wanted.key, applied(wanted), revision)


async def test_what_is_forgotten_can_be_wanted_again_but_not_below_its_generation(
    states: StateRepository, tenant: str
) -> None:
    wanted = desired(tenant, 2)
    await states.set_desired(wanted)
    await states.record(wanted.key, applied(wanted, Outcome.DELETED), 0)
    state = await states.read(wanted.key)
    await states.delete_desired(wanted.key, state.desired_revision)
    assert (await states.read(wanted.key)).desired is None
    assert await states.set_desired(desired(tenant, 1)) == HigherGeneration(2)
    await states.set_desired(desired(tenant, 3))
    await states.delete_desired(wanted.key, state.desired_revision)
    assert (await states.read(wanted.key)).desired is not None


async def test_a_follower_gets_what_is_there_and_what_comes(states: StateRepository, tenant: str) -> None:
    await states.set_desired(desired(f"{tenant}-a", 1))
    seen: list[str] = []

    async def follow() -> None:
        async for each in states.follow(60.0):
            seen.append(each.tenant_id)
            if each.tenant_id == f"{tenant}-a":
                await states.set_desired(desired(f"{tenant}-b", 1))
            if each.tenant_id == f"{tenant}-b":
                return

    await asyncio.wait_for(follow(), 60)
    assert seen[-1] == f"{tenant}-b"


async def test_a_follower_ends_after_its_time(states: StateRepository) -> None:
    async with asyncio.timeout(60):
        async for _ in states.follow(0.2):
            pass


async def test_an_outage_of_nats_raises_dependency_unavailable(tmp_path: Path, tenant: str) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    client = await nats.connect(server.url, allow_reconnect=False, connect_timeout=30)
    await bootstrap(client.jetstream())
    states = states_of(client)
    await states.set_desired(desired(tenant, 1))
    await server.stop()
    with pytest.raises(DependencyUnavailable, match="NATS"):
        await states.read(f"test.{tenant}")
    await client.close()

"""The monitor as a whole, on real NATS and PostgreSQL, with a cluster of the test's own."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import nats
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nats.js.api import KeyValueConfig
from nats.js.errors import KeyNotFoundError, NoKeysError
from sqlalchemy import text

from embedded.nats import NatsServer
from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.monitor.app import build
from services.monitor.collect.kubernetes import DEPLOYMENTS, PODS
from services.monitor.collect.readings import ClusterObjects
from services.monitor.mode_context import SAMPLING
from services.monitor.publisher import sample_id
from services.monitor.settings import MonitorSettings
from services.monitor.storage.availability_store import AvailabilityStore
from shared.bus import Worker, encode
from shared.bus.bootstrap import bootstrap
from shared.bus.shares import SHARDS, divide, shard_of
from shared.database import Databases
from shared.errors import DependencyUnavailable
from shared.events import MetricsCollected, MetricsSampled, SlaReported, TenantSample
from shared.roles import MONITOR
from shared.sla import SLICE_SECONDS, slice_of, slice_start
from shared.subjects import Bucket, Mode
from tests.support.migrated_databases import migrated_database
from tests.support.service_logins import logging_in
from tests.support.warm_programs import PROGRAMS, WarmProcess

T = TypeVar("T")
E = TypeVar("E", MetricsSampled, SlaReported)
DEADLINE = 90.0


@dataclass
class FakeCluster:
    """One workload with one pod for each of `tenants`. Doesn't answer while `is_up` is false."""

    tenants: list[str] = field(default_factory=list)
    ready: bool = True
    is_up: bool = True
    reads: int = 0
    name: str = "the Kubernetes API of a test"

    async def read(self) -> ClusterObjects:
        self.reads += 1
        if not self.is_up:
            raise DependencyUnavailable(self.name, "connection refused")
        return ClusterObjects(
            pods=[self._object(each, {"containers": []}, "Ready", str(self.ready)) for each in self.tenants],
            deployments=[
                self._object(each, {"selector": {"matchLabels": {"app": "a"}}}, "Progressing", "True")
                for each in self.tenants
            ],
            usage=[],
        )

    async def close(self) -> None:
        """There is nothing to leave."""

    @staticmethod
    def _object(tenant: str, spec: dict[str, Any], condition: str, status: str) -> dict[str, Any]:
        reason = "NewReplicaSetAvailable"
        return {
            "metadata": {
                "name": "callbot",
                "namespace": f"ecp-ai-{tenant}",
                "labels": {"app": "a", "ecp.ai/tenant": tenant},
            },
            "spec": spec,
            "status": {"conditions": [{"type": condition, "status": status, "reason": reason}]},
        }


@dataclass
class World:
    """A bus and the databases that several monitors may share."""

    settings: MonitorSettings
    databases: Databases
    """With the owner's login; the monitors have their own."""

    @asynccontextmanager
    async def monitor(self, cluster: FakeCluster) -> AsyncIterator[Worker]:
        """A running monitor of the demo mode."""
        clusters = {Mode.DEMO: cluster, Mode.PRODUCTION: FakeCluster()}
        worker = build(self.settings, clusters=clusters)
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop()

    async def tenant(self, mode: Mode = Mode.DEMO) -> str:
        """The id of a new tenant of `mode`."""
        tenant_id = f"t-{uuid4().hex[:12]}"
        async with self.databases[mode].begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target,"
                    " created_at) VALUES (:tenant_id, 'Acme', 'small', '{}', '{}', '{}', :time)"
                ),
                {"tenant_id": tenant_id, "time": datetime.now(UTC) - timedelta(days=1)},
            )
        return tenant_id

    async def stored(self, tenant_id: str, name: str, mode: Mode = Mode.DEMO) -> list[tuple[datetime, float]]:
        """The values of one metric, in the order of time."""
        async with self.databases[mode].begin() as connection:
            found = await connection.execute(
                text(
                    "SELECT timestamp, metric_value FROM monitoring_data AS data"
                    " JOIN tenants ON tenants.id = data.tenant_id"
                    " WHERE tenants.tenant_id = :tenant_id AND metric_name = :name ORDER BY timestamp"
                ),
                {"tenant_id": tenant_id, "name": name},
            )
            return [(row.timestamp, float(row.metric_value)) for row in found]

    async def reports(self, tenant_id: str) -> list[SlaReported]:
        """Every `sla.reported` of a tenant."""
        return [event for event in await self._published(SlaReported) if event.tenant_id == tenant_id]

    async def sampled(self, tenant_id: str) -> set[datetime]:
        """The times of all samples of a tenant that were published."""
        return {time for time, each in await self.samples() if each.tenant_id == tenant_id}

    async def samples(self) -> list[tuple[datetime, TenantSample]]:
        """All samples that were published, with their times."""
        return [(event.time, each) for event in await self._published(MetricsSampled) for each in event.samples]

    async def _published(self, event_type: type[E]) -> list[E]:
        """Every event of a type in demo mode."""
        client = await nats.connect(self.settings.nats_url)
        try:
            subject = Mode.DEMO.subject(event_type.subject)
            subscription = await client.jetstream().subscribe(subject, ordered_consumer=True)
            info = await subscription.consumer_info()
            # Some are delivered by now.
            count = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
            received = [await subscription.next_msg(timeout=60) for _ in range(count)]
        finally:
            await client.close()
        return [event_type.model_validate_json(message.data) for message in received]


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool] = bool) -> T:
    """What `look` finds, as soon as it is good."""
    async with asyncio.timeout(DEADLINE):
        while True:
            if good(found := await look()):
                return found
            await asyncio.sleep(0.1)


async def _world(nats_url: str, postgres: PostgresServer) -> World:
    production, demo = [await migrated_database(postgres, f"monitor_{uuid4().hex}") for _ in Mode]
    settings = MonitorSettings(nats_url=nats_url, database_url=production, demo_database_url=demo, sla_interval=1.0)
    databases = Databases(settings, "owner")
    logins = {"database_url": logging_in(production, MONITOR), "demo_database_url": logging_in(demo, MONITOR)}
    return World(settings.model_copy(update=logins), databases)


@pytest.fixture(scope="module")
async def world(nats_url: str, postgres: PostgresServer) -> AsyncIterator[World]:
    world = await _world(nats_url, postgres)
    yield world
    await world.databases.dispose()


async def test_what_is_sampled_is_stored_and_its_sla_reported(world: World) -> None:
    tenant_id = await world.tenant()
    async with world.monitor(FakeCluster([tenant_id])):
        (time, available), *_ = await eventually(lambda: world.stored(tenant_id, "available"))
        report, *_ = await eventually(lambda: world.reports(tenant_id))
    assert available == 1.0
    assert time.timestamp() % 5 == 0
    assert (report.availability, report.status, report.failures) == (100.0, "meeting", 0)
    assert (report.since, report.observed_seconds % 5, report.target) == (time, 0.0, 99.5)
    assert await world.stored(tenant_id, "available", Mode.PRODUCTION) == []


async def test_a_failure_is_reported_without_waiting_for_the_interval(world: World) -> None:
    world = World(world.settings.model_copy(update={"sla_interval": 3600.0}), world.databases)
    tenant_id = await world.tenant()
    cluster = FakeCluster([tenant_id])
    async with world.monitor(cluster):
        await eventually(lambda: world.reports(tenant_id))
        cluster.ready = False
        reports = await eventually(lambda: world.reports(tenant_id), lambda found: len(found) > 1)
    assert (reports[1].failures, reports[1].downtime_seconds, reports[1].status) == (1, 5.0, "violated")


async def test_a_monitor_that_starts_again_goes_on_with_the_history_that_is_stored(world: World) -> None:
    tenant_id = await world.tenant()
    cluster = FakeCluster([tenant_id])
    async with world.monitor(cluster):
        await eventually(lambda: world.reports(tenant_id))
    (first, *_) = await world.stored(tenant_id, "available")
    cluster.tenants = []
    async with world.monitor(cluster):
        cluster.tenants = [tenant_id]
        before = len(await world.reports(tenant_id))
        reports = await eventually(lambda: world.reports(tenant_id), lambda found: len(found) > before)
    assert reports[-1].since == first[0]


async def test_a_sample_that_is_delivered_again_is_stored_once(world: World) -> None:
    tenant_id = await world.tenant()
    time = datetime.now(UTC).replace(microsecond=0)
    event = MetricsCollected(tenant_id=tenant_id, time=time, values={"cpu": 1.0}, source="test")
    last = event.model_copy(update={"values": {"last": 1.0}})
    async with world.monitor(FakeCluster()) as worker:
        for number, each in enumerate([event, event, event, last]):
            # The bus drops what has the same message id; a redelivery has it too, but reaches the handler.
            subject, body, headers = encode(
                each, mode=Mode.DEMO, event_id=f"{tenant_id}-{number}", correlation_id="test", source="test"
            )
            await worker.publisher.publish_encoded(subject, body, headers)
        await eventually(lambda: world.stored(tenant_id, "last"))
        await eventually(lambda: _unfinished(world), lambda count: count == 0)
    assert await world.stored(tenant_id, "cpu") == [(time, 1.0)]


async def test_what_can_not_be_stored_becomes_a_dead_letter_and_the_rest_goes_on(world: World) -> None:
    tenant_id = await world.tenant()
    time = datetime.now(UTC)
    async with world.monitor(FakeCluster()) as worker:
        for number, values in enumerate([{"": 1.0}, {"x" * 51: 1.0}, {"cpu": 2.0}]):
            event = MetricsCollected(tenant_id=tenant_id, time=time, values=values, source="test")
            await worker.publisher.publish(
                event, mode=Mode.DEMO, event_id=f"{tenant_id}-{number}", correlation_id="test"
            )
        await eventually(lambda: world.stored(tenant_id, "cpu"))
        letters = await eventually(lambda: _dead_letters(world, tenant_id), lambda found: len(found) == 2)
    assert all("a name has 1 to 50" in reason for reason in letters)


async def test_another_system_can_not_publish_observed_availability(world: World) -> None:
    tenant_id = await world.tenant()
    time = slice_start(slice_of(datetime.now(UTC)))
    async with world.monitor(FakeCluster()) as monitor:
        for source in ("kubernetes", "theirs"):
            event = MetricsCollected(tenant_id=tenant_id, time=time, values={"available": 0.0}, source=source)
            await monitor.publisher.publish(event, mode=Mode.DEMO, event_id=uuid4().hex, correlation_id="c")
        [reason] = await eventually(lambda: _dead_letters(world, tenant_id))
        assert "reserved for the monitor" in reason
        assert await eventually(lambda: world.stored(tenant_id, "available")) == [(time, 0.0)]
        ledger = AvailabilityStore(world.databases[Mode.DEMO])
        await ledger.fold()
        row_ids = await ledger.histories()
    async with world.databases[Mode.DEMO].begin() as connection:
        row_id = await connection.scalar(text("SELECT id FROM tenants WHERE tenant_id = :id"), {"id": tenant_id})
    assert row_id not in row_ids


async def test_a_slice_that_an_earlier_monitor_published_too_is_stored_once(world: World) -> None:
    """During an upgrade: the earlier version publishes one event for each tenant, under the other subject."""
    tenant_id = await world.tenant()
    time = slice_start(slice_of(datetime.now(UTC)))
    old = MetricsCollected(tenant_id=tenant_id, time=time, values={"available": 1.0}, source="kubernetes")
    new = TenantSample(tenant_id=tenant_id, values={"available": 1.0, "last": 1.0})
    async with world.monitor(FakeCluster()) as worker:
        event_id = sample_id(Mode.DEMO, tenant_id, time)
        await worker.publisher.publish(old, mode=Mode.DEMO, event_id=event_id, correlation_id="c")
        event = MetricsSampled(time=time, source="kubernetes", samples=(new,))
        await worker.publisher.publish(event, mode=Mode.DEMO, event_id=uuid4().hex, correlation_id="c")
        await eventually(lambda: world.stored(tenant_id, "last"))
        await eventually(lambda: _unfinished(world), lambda count: count == 0)
        report, *_ = await eventually(lambda: world.reports(tenant_id))
    assert await world.stored(tenant_id, "available") == [(time, 1.0)]
    assert report.observed_seconds == SLICE_SECONDS


async def test_while_postgresql_is_away_samples_are_held_and_none_is_lost(nats_url: str, tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    await server.start()
    try:
        world = await _world(nats_url, server)
        tenant_id = await world.tenant()
        cluster = FakeCluster([tenant_id])
        async with world.monitor(cluster):
            await eventually(lambda: world.stored(tenant_id, "available"))
            server.kill()
            reads = cluster.reads
            await eventually(lambda: _value(cluster.reads), lambda now: now > reads)
            sampled = await world.sampled(tenant_id)
            await server.start()
            # What was held is stored later than what was sampled after the outage.
            await eventually(
                lambda: world.stored(tenant_id, "available"), lambda found: sampled <= {time for time, _ in found}
            )
        await world.databases.dispose()
    finally:
        await server.stop()


async def test_two_monitors_divide_the_tenants_and_publish_each_sample_once(world: World) -> None:
    tenants = [await world.tenant() for _ in range(8)]
    async with world.monitor(FakeCluster(tenants)) as first:
        await eventually(lambda: _value(held(first)), lambda shards: shards == SHARDS)
        async with world.monitor(FakeCluster(tenants)) as second:
            await eventually(lambda: _value((held(first), held(second))), lambda both: both == (SHARDS / 2, SHARDS / 2))
            before = len(await world.sampled(tenants[0]))
            for tenant_id in tenants:
                await eventually(lambda: world.sampled(tenant_id), lambda found: len(found) > before + 1)  # noqa: B023
        await eventually(lambda: _value(held(first)), lambda shards: shards == SHARDS)
    published = Counter((each.tenant_id, time) for time, each in await world.samples() if each.tenant_id in tenants)
    assert set(published.values()) == {1}


async def test_when_the_sampling_monitor_is_killed_another_one_takes_over(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    await make_streams(server.url, lease_seconds=6.0)
    world = await _world(server.url, postgres)
    tenant_id = await world.tenant()
    async with api_server(FakeCluster([tenant_id])) as url:
        monitors = [await start_process(world, url, tmp_path / f"{number}.log") for number in range(2)]
        try:
            await eventually(lambda: world.stored(tenant_id, "available"))
            known = await eventually(lambda: monitors_of(server.url), lambda found: len(found) == len(monitors))
            sampling = sampler_of(tenant_id, known)
            (victim,) = [each for each in monitors if each.pid == sampling]
            victim.kill()
            await victim.wait()
            await eventually(lambda: monitors_of(server.url), lambda found: sampling not in found.values())
            count = len(await world.stored(tenant_id, "available"))
            found = await eventually(lambda: world.stored(tenant_id, "available"), lambda found: len(found) > count + 1)
            slices = [slice_of(time) for time, _ in found]
            assert [slice_start(number) for number in slices] == [time for time, _ in found]
            assert len(set(slices)) == len(slices)
            # Time without samples is reported as unknown.
            missing = (slices[-1] - slices[0] + 1 - len(slices)) * SLICE_SECONDS
            reported = await eventually(
                lambda: world.reports(tenant_id), lambda reported: bool(reported and reported[-1].time > found[-1][0])
            )
            assert reported[-1].unknown_seconds >= missing
            assert (reported[-1].failures, reported[-1].availability) == (0, 100.0)
        finally:
            await asyncio.gather(*(stop_process(each) for each in monitors))
    await world.databases.dispose()
    await server.stop()


async def make_streams(nats_url: str, *, lease_seconds: float) -> None:
    """What the bootstrap makes, but with leases that end sooner than in 12 s."""
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    await bootstrap(jetstream)
    bucket = Mode.DEMO.bucket(Bucket.LEASES)
    await jetstream.delete_key_value(bucket)
    await jetstream.create_key_value(KeyValueConfig(bucket=bucket, ttl=lease_seconds))
    await client.close()


@asynccontextmanager
async def api_server(cluster: FakeCluster) -> AsyncIterator[str]:
    """`cluster` as an API server, which has it as its cluster `demo`."""

    async def answer(request: web.Request) -> web.Response:
        state = await cluster.read()
        lists = {PODS: state.pods, DEPLOYMENTS: state.deployments}
        path = request.path.removeprefix("/clusters/demo")
        return web.json_response({"items": lists.get(path, [])})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    async with TestServer(application, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


async def start_process(world: World, simulator_url: str, log: Path, *, port: int | None = None) -> WarmProcess:
    """`python -m services.monitor`."""
    environment = {
        "NATS_URL": world.settings.nats_url,
        "DATABASE_URL": world.settings.database_url,
        "DEMO_DATABASE_URL": world.settings.demo_database_url,
        "K8S_SIMULATOR_URL": simulator_url,
        "PORT": str(port or free_port()),
        "SLA_INTERVAL": "1",
    }
    return await PROGRAMS.start("services.monitor", environment=os.environ | environment, output=log)


async def stop_process(process: WarmProcess) -> None:
    process.terminate()
    await process.wait()


def free_port() -> int:
    return free_ports(1)[0]


async def monitors_of(nats_url: str) -> dict[str, int]:
    """The process ids of the monitors that divide the tenants of the cluster `demo`, by their key."""
    client = await nats.connect(nats_url)
    try:
        bucket = await client.jetstream().key_value(Mode.DEMO.bucket(Bucket.LEASES))
        keys = await bucket.keys([f"{SAMPLING}."])
        return {key.rpartition(".")[2]: int(((await bucket.get(key)).value or b"").split(b"/")[1]) for key in keys}
    except (NoKeysError, KeyNotFoundError):
        return {}
    finally:
        await client.close()


def sampler_of(tenant_id: str, monitors: Mapping[str, int]) -> int:
    """The process that samples a tenant."""
    [copy] = [copy for copy, shards in divide(monitors).items() if shard_of(tenant_id) in shards]
    return monitors[copy]


def held(worker: Worker) -> float | None:
    """The shards of a monitor in demo mode."""
    return worker.registry.get_sample_value("ecp_shards_held", {"work": SAMPLING, "mode": "demo"})


async def _value(value: T) -> T:
    return value


async def _unfinished(world: World) -> int:
    """Samples that are not acknowledged yet."""
    client = await nats.connect(world.settings.nats_url)
    try:
        found = [
            await client.jetstream().consumer_info("DEMO_METRICS", name)
            for name in ("monitor-stores", "monitor-stores-slices")
        ]
        return sum((each.num_pending or 0) + (each.num_ack_pending or 0) for each in found)
    finally:
        await client.close()


async def _dead_letters(world: World, tenant_id: str) -> list[str]:
    """The reasons of a tenant's dead letters."""
    client = await nats.connect(world.settings.nats_url)
    try:
        subscription = await client.jetstream().subscribe("demo.dlq.metrics.collected", ordered_consumer=True)
        pending = (await subscription.consumer_info()).num_pending
        letters = [await subscription.next_msg(timeout=60) for _ in range(pending or 0)]
    finally:
        await client.close()
    return [(letter.headers or {})["dlq-reason"] for letter in letters if tenant_id.encode() in letter.data]

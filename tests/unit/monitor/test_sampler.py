"""When the sampler samples, what it publishes, and what it does in an outage."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.monitor.collect.readings import ClusterObjects
from services.monitor.collect.sampler import STANDBY_SECONDS, Sampler
from services.monitor.handlers import samples_of
from services.monitor.publisher import ObservationPublisher
from shared.bus.shares import SHARDS, shard_of
from shared.errors import DependencyUnavailable
from shared.events import Event, MetricsCollected, MetricsSampled
from shared.subjects import Mode

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def state(*tenants: str, ready: bool = True, usage: bool = True) -> ClusterObjects:
    """One workload with one pod for each tenant."""

    def metadata(tenant: str) -> dict[str, Any]:
        return {"name": "callbot", "namespace": f"ecp-ai-{tenant}", "labels": {"app": "a", "ecp.ai/tenant": tenant}}

    conditions = [{"type": "Ready", "status": str(ready)}]
    done = {"conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}]}
    return ClusterObjects(
        pods=[
            {"metadata": metadata(each), "spec": {"containers": []}, "status": {"conditions": conditions}}
            for each in tenants
        ],
        deployments=[
            {"metadata": metadata(each), "spec": {"selector": {"matchLabels": {"app": "a"}}}, "status": done}
            for each in tenants
        ],
        usage=[] if usage else None,
    )


@dataclass
class FakeCluster:
    """Answers with `state`, or doesn't while it is None."""

    state: ClusterObjects | None
    name: str = "the Kubernetes API of cluster test"
    reads: int = 0
    is_open: bool = True

    async def read(self) -> ClusterObjects:
        self.reads += 1
        if self.state is None:
            raise DependencyUnavailable(self.name, "connection refused")
        return self.state

    async def close(self) -> None:
        self.is_open = False


@dataclass
class FakeShare:
    """All shards, or those that `free` names."""

    free: frozenset[int] = frozenset(range(SHARDS))
    shards: frozenset[int] = frozenset(range(SHARDS))
    released: bool = False

    def includes(self, name: str) -> bool:
        return shard_of(name) in self.shards

    async def renew(self) -> bool:
        self.shards = self.free
        return bool(self.free)

    async def release(self) -> None:
        self.released, self.shards = True, frozenset()


@dataclass
class FakeBus:
    events: dict[str, Event] = field(default_factory=dict)
    is_up: bool = True

    async def publish(self, event: Event, *, event_id: str, **_: Any) -> None:
        if not self.is_up:
            raise DependencyUnavailable("NATS", "not acknowledged")
        self.events.setdefault(event_id, event)

    @property
    def samples(self) -> list[MetricsCollected]:
        events = [event for event in self.events.values() if isinstance(event, MetricsSampled)]
        return [sample for event in events for sample in samples_of(event)]


@dataclass
class Clock:
    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Stage:
    """A sampler with everything around it."""

    cluster: FakeCluster
    share: FakeShare = field(default_factory=FakeShare)
    bus: FakeBus = field(default_factory=FakeBus)
    clock: Clock = field(default_factory=Clock)

    def sampler(self) -> Sampler:
        publisher = ObservationPublisher(Mode.DEMO, self.bus)
        return Sampler(self.cluster, self.share, publisher.publish_samples, self.clock.now)


@contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def test_a_sample_belongs_to_the_slice_in_which_it_was_made() -> None:
    stage = Stage(FakeCluster(state("acme")))
    stage.clock.advance(13.2)
    await stage.sampler().sample()
    (sample,) = stage.bus.samples
    assert sample.time == NOON + timedelta(seconds=10)
    assert (sample.tenant_id, sample.source) == ("acme", "kubernetes")
    assert sample.values == {"pods_ready": 1.0, "pods_wanted": 1.0, "available": 1.0}


@pytest.mark.parametrize("broken", ["budget", "autoscaler", "pod"])
async def test_an_unreadable_object_affects_only_its_tenant(broken: str) -> None:
    """As an API server accepts it that validates less than Kubernetes does."""
    there = state("acme", "broken")
    metadata = {"name": "x", "namespace": "ecp-ai-broken", "labels": {"ecp.ai/tenant": "broken"}}
    budget = {"metadata": metadata, "spec": {"minAvailable": "abc", "selector": {}}}
    target = {"kind": "Deployment", "name": "callbot"}
    autoscaler = {"metadata": metadata, "spec": {"scaleTargetRef": target, "minReplicas": "abc"}}
    pod = {"metadata": metadata, "spec": {"containers": None}}
    there = replace(
        there,
        budgets=[budget] if broken == "budget" else [],
        autoscalers=[autoscaler] if broken == "autoscaler" else [],
        pods=[*there.pods, *([pod] if broken == "pod" else [])],
    )
    stage = Stage(FakeCluster(there))
    with logged() as lines:
        await stage.sampler().sample()
    assert {sample.tenant_id for sample in stage.bus.samples} == {"acme"}
    assert {(line["action"], line["tenant_id"]) for line in lines} == {("skip-tenant", "broken")}


async def test_the_tenants_of_a_shard_share_an_event() -> None:
    tenants = [f"tenant-{number}" for number in range(100)]
    stage = Stage(FakeCluster(state(*tenants)))
    await stage.sampler().sample()
    assert len(stage.bus.events) == SHARDS
    assert sorted(sample.tenant_id for sample in stage.bus.samples) == sorted(tenants)


async def test_a_copy_samples_only_the_tenants_of_its_shards() -> None:
    tenants = [f"tenant-{number}" for number in range(100)]
    own, others = frozenset({0, 1}), frozenset(range(2, SHARDS))
    sampled = []
    for shards in (own, others):
        stage = Stage(FakeCluster(state(*tenants)), FakeShare(shards=shards))
        await stage.sampler().sample()
        sampled.append({sample.tenant_id for sample in stage.bus.samples})
    assert all(sampled)
    assert sampled[0] | sampled[1] == set(tenants)
    assert not sampled[0] & sampled[1]


async def test_what_isn_t_divided_is_done_by_the_copy_with_the_first_shard() -> None:
    cluster = FakeCluster(state("acme"))
    assert Stage(cluster, FakeShare(shards=frozenset({0, 3}))).sampler().leads()
    assert not Stage(cluster, FakeShare(shards=frozenset({1, 2}))).sampler().leads()


async def test_a_replica_that_also_sees_a_new_tenant_publishes_it() -> None:
    stage = Stage(FakeCluster(state("acme")))
    await stage.sampler().sample()
    stage.cluster.state = state("acme", "globex")
    await stage.sampler().sample()
    assert {sample.tenant_id for sample in stage.bus.samples} == {"acme", "globex"}


async def test_a_slice_is_read_once() -> None:
    stage = Stage(FakeCluster(state("acme")))
    sampler = stage.sampler()
    await sampler.sample()
    stage.clock.advance(4.9)
    await sampler.sample()
    assert stage.cluster.reads == 1
    stage.clock.advance(0.2)
    await sampler.sample()
    assert stage.cluster.reads == 2


async def test_two_replicas_that_sample_the_same_slice_publish_the_same_event() -> None:
    stage = Stage(FakeCluster(state("acme")))
    await stage.sampler().sample()
    await stage.sampler().sample()
    assert len(stage.bus.events) == 1


async def test_the_modes_never_share_an_event_id() -> None:
    stage = Stage(FakeCluster(state("acme")))
    await stage.sampler().sample()
    publisher = ObservationPublisher(Mode.PRODUCTION, stage.bus)
    await Sampler(stage.cluster, stage.share, publisher.publish_samples, stage.clock.now).sample()
    assert len(stage.bus.events) == 2


async def test_a_cluster_that_does_not_answer_leaves_no_sample_and_one_line_an_outage() -> None:
    stage = Stage(FakeCluster(None))
    sampler = stage.sampler()
    with logged() as lines:
        for _ in range(3):
            await sampler.sample()
            stage.clock.advance(5)
        stage.cluster.state = state("acme")
        await sampler.sample()
        stage.cluster.state = None
        stage.clock.advance(5)
        await sampler.sample()
    assert len(stage.bus.samples) == 1
    assert [line["action"] for line in lines] == ["outage-begins", "outage-ends", "outage-begins"]
    assert "cluster test" in lines[0]["event"]


async def test_a_missing_metrics_api_is_logged_once_and_hides_only_the_usage() -> None:
    stage = Stage(FakeCluster(state("acme", usage=False)))
    sampler = stage.sampler()
    with logged() as lines:
        for _ in range(3):
            await sampler.sample()
            stage.clock.advance(5)
    assert [sample.values["available"] for sample in stage.bus.samples] == [1.0, 1.0, 1.0]
    assert [line["action"] for line in lines] == ["outage-begins"]


async def test_a_change_of_availability_is_noticed() -> None:
    stage = Stage(FakeCluster(state("acme")))
    sampler = stage.sampler()
    noticed = []
    for ready in (True, True, False, False, True):
        stage.cluster.state = state("acme", ready=ready)
        await sampler.sample()
        noticed.append(sampler.changed.is_set())
        sampler.changed.clear()
        stage.clock.advance(5)
    assert noticed == [True, False, True, False, True]


async def test_without_a_share_nothing_is_read() -> None:
    stage = Stage(FakeCluster(state("acme")), FakeShare(free=frozenset()))
    await _run_for_a_moment(stage.sampler())
    assert stage.cluster.reads == 0


async def test_with_a_share_it_samples_and_lets_go_of_everything_at_a_stop() -> None:
    stage = Stage(FakeCluster(state("acme")))
    sampler = stage.sampler()
    await _run_for_a_moment(sampler)
    assert len(stage.bus.samples) == 1
    assert stage.share.released
    assert not stage.cluster.is_open
    assert not sampler.leads()


async def test_a_copy_without_a_share_any_more_stops_watching_the_cluster() -> None:
    stage = Stage(FakeCluster(state("acme")))
    sampler = stage.sampler()
    await sampler._step()
    assert stage.cluster.is_open
    stage.share.free = frozenset()
    assert await sampler._step() == STANDBY_SECONDS
    assert not stage.cluster.is_open


async def test_when_the_bus_is_away_the_slice_is_tried_again() -> None:
    stage = Stage(FakeCluster(state("acme")))
    sampler = stage.sampler()
    stage.bus.is_up = False
    await _run_for_a_moment(sampler)
    assert not stage.bus.events
    stage.bus.is_up = True
    await _run_for_a_moment(sampler)
    assert len(stage.bus.samples) == 1


async def _run_for_a_moment(sampler: Sampler) -> None:
    """Until the sampler waits for the next slice."""
    task = asyncio.create_task(sampler.run())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

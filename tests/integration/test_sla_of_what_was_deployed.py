"""What the monitor makes of a tenant that the real deployer deploys on the real simulator, and others lay hands on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import nats
import pytest
import yaml

from embedded.accounts import passwords
from services.deployer.cluster.api import ref_of
from services.monitor.collect.api_server import Endpoint
from services.monitor.collect.kubernetes import KubernetesCluster
from services.monitor.collect.promises import DeployedPromises
from services.monitor.collect.readings import TenantReading
from services.monitor.collect.sampler import Sampler
from services.monitor.metric_names import AVAILABLE
from shared.bus.shares import SHARDS
from shared.events import DeployCompleted, MetricsSampled, Operation, TenantSample
from shared.kube.objects import Obj
from shared.sla import SLICE_SECONDS, ServiceState
from shared.subjects import Bucket
from tests.integration.deployer_bench import MODE, Bench, digest_of, manifest, patch, running_bench

DEADLINE = 60.0
APPS, SCALING = "/apis/apps/v1", "/apis/autoscaling/v2"


class Everything:
    """The share of the only copy."""

    shards = frozenset(range(SHARDS))

    def includes(self, name: str) -> bool:
        return True

    async def renew(self) -> bool:
        return True

    async def release(self) -> None:
        """There is nothing to give up."""


@dataclass
class Watch:
    """A monitor's sampler, of which each step is another slice."""

    tenant: str
    sampler: Sampler
    time: datetime
    samples: list[TenantSample] = field(default_factory=list)

    async def step(self) -> TenantReading:
        self.time += timedelta(seconds=SLICE_SECONDS)
        await self.sampler.sample()
        return self.sampler.latest.get(self.tenant, TenantReading({}, {}))

    async def until(self, enough: Callable[[TenantReading], bool]) -> list[float | None]:
        """Sample until it is enough; what was seen of the tenant's availability."""
        seen = []
        async with asyncio.timeout(DEADLINE):
            while True:
                reading = await self.step()
                seen.append(reading.values.get(AVAILABLE))
                if enough(reading):
                    return seen
                await asyncio.sleep(0.02)

    async def during(self, work: Awaitable[Any]) -> list[float | None]:
        """Sample as long as `work` lasts; what was seen of the tenant's availability."""
        task = asyncio.ensure_future(work)
        seen = []
        while not task.done():
            seen.append((await self.step()).values.get(AVAILABLE))
            await asyncio.sleep(0.02)
        await task
        return seen

    def service(self, name: str = "callbot") -> ServiceState:
        return self.sampler.latest[self.tenant].services[name]


@dataclass
class WatchedBench(Bench):
    """The deployer's bench, and NATS with no more rights than the monitor has."""

    monitor_url: str = ""


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WatchedBench]:
    directory = tmp_path_factory.mktemp("promises")
    async with running_bench(directory) as bench:
        secret = passwords(directory / "passwords.json")["monitor"]
        url = f"nats://monitor:{secret}@{bench.nats_url.rpartition('@')[2]}"
        yield WatchedBench(**vars(bench), monitor_url=url)


@asynccontextmanager
async def watching(bench: WatchedBench, tenant: str) -> AsyncIterator[Watch]:
    client = await nats.connect(bench.monitor_url, inbox_prefix=b"_INBOX.monitor")
    cluster = KubernetesCluster(Endpoint("demo", server=f"{bench.simulator_url}/clusters/demo"), timeout=4.0)
    jetstream = client.jetstream()
    promises = DeployedPromises(
        MODE.bucket(Bucket.APPLIED),
        "simulator",
        lambda: jetstream,
        lambda: jetstream.key_value(MODE.bucket(Bucket.MANIFESTS)),
    )

    async def publish(event: MetricsSampled) -> None:
        watch.samples.extend(each for each in event.samples if each.tenant_id == tenant)

    sampler = Sampler(cluster, Everything(), publish, lambda: watch.time, deployed=promises.read)
    watch = Watch(tenant, sampler, datetime.now(UTC))
    try:
        yield watch
    finally:
        await cluster.close()
        await client.close()


def sized(tenant: str, needed: int, *services: str) -> str:
    """A manifest as ours: an autoscaler that keeps one replica more than the promise needs."""
    objects = list(yaml.safe_load_all(manifest(tenant, *(services or ("callbot", "chatbot")))))
    for each in objects:
        if each["kind"] in ("Deployment", "HorizontalPodAutoscaler"):
            each["metadata"]["labels"] = {"ecp.ai/tenant": tenant}
        if each["kind"] == "Deployment":
            each["metadata"]["annotations"] = {"ecp.ai/needed-replicas": str(needed)}
            each["spec"]["template"]["metadata"]["labels"]["ecp.ai/tenant"] = tenant
            each["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}
        if each["kind"] == "HorizontalPodAutoscaler":
            each["spec"] |= {"minReplicas": needed + 1, "maxReplicas": needed + 1}
    return yaml.safe_dump_all(objects)


def is_up(reading: TenantReading) -> bool:
    return reading.values.get(AVAILABLE) == 1.0


def is_down(reading: TenantReading) -> bool:
    return reading.values.get(AVAILABLE) == 0.0


async def deploy(bench: WatchedBench, tenant: str, generation: int, text: str) -> None:
    await bench.until_published(await bench.deploy(tenant, generation, text), DeployCompleted)


async def remove(bench: WatchedBench, group: str, resource: str, tenant: str, name: str) -> None:
    kind = {"deployments": "Deployment", "horizontalpodautoscalers": "HorizontalPodAutoscaler"}[resource]
    live = await bench.read(kind, tenant, name, group.removeprefix("/apis/"))
    assert live is not None
    await bench.cluster.remove(ref_of(live), uid=live["metadata"]["uid"])


async def scale(bench: WatchedBench, tenant: str, name: str, replicas: int) -> None:
    path = f"{APPS}/namespaces/ecp-ai-{tenant}/deployments/{name}"
    await patch(bench, path, {"spec": {"replicas": replicas}}, "kubectl")


async def test_a_first_start_is_unknown_and_a_deleted_deployment_is_down_until_it_is_back(bench: WatchedBench) -> None:
    text = sized("deleted", 1)
    async with watching(bench, "deleted") as watch:
        async with bench.deployer():
            assert set(await watch.during(deploy(bench, "deleted", 1, text))) <= {None, 1.0}
            await watch.until(is_up)
        await remove(bench, APPS, "deployments", "deleted", "chatbot")
        assert await watch.until(is_down) == [0.0], "missing is down in the first slice"
        state = watch.service("chatbot")
        assert (state.is_missing, state.ready, state.needed, state.wanted) == (True, 0, 1, 2)
        values = watch.samples[-1].values
        assert values["pods_wanted"] == 4.0, "what should run is what was deployed"
        assert values["pods_ready"] < 4.0
        assert watch.samples[-1].services == {"callbot": True, "chatbot": False}
        # Another monitor, or one that starts again, knows it, too.
        async with watching(bench, "deleted") as successor:
            assert is_down(await successor.step())
        async with bench.deployer():
            seen = await watch.during(deploy(bench, "deleted", 2, text))
            assert 0.0 in seen
            await watch.until(is_up)


async def test_a_deployment_that_is_scaled_to_zero_by_hand_is_down_and_a_stop_is_not(bench: WatchedBench) -> None:
    text = sized("scaled", 1)
    async with watching(bench, "scaled") as watch:
        async with bench.deployer():
            await deploy(bench, "scaled", 1, text)
            await watch.until(is_up)
        await scale(bench, "scaled", "callbot", 0)
        assert (await watch.until(is_down))[-1] == 0.0
        assert watch.service().wanted == 2
        async with bench.deployer():
            await deploy(bench, "scaled", 2, text)
            await watch.until(is_up)
            stop = bench.until_published(await bench.operate("scaled", 3, Operation.STOP), DeployCompleted)
            assert 0.0 not in await watch.during(stop)
            assert AVAILABLE not in (await watch.step()).values
            start = await bench.operate("scaled", 4, Operation.START, digest=digest_of(text), to=1)
            assert 0.0 not in await watch.during(bench.until_published(start, DeployCompleted))
            await watch.until(is_up)


async def test_without_its_autoscaler_and_annotation_a_service_needs_what_was_deployed_all_the_same(
    bench: WatchedBench,
) -> None:
    async with watching(bench, "unscaled") as watch:
        async with bench.deployer():
            await deploy(bench, "unscaled", 1, sized("unscaled", 2))
            await watch.until(is_up)
        await remove(bench, SCALING, "horizontalpodautoscalers", "unscaled", "callbot")
        path = f"{APPS}/namespaces/ecp-ai-unscaled/deployments/callbot"
        await patch(bench, path, {"metadata": {"annotations": {"ecp.ai/needed-replicas": None}}}, "kubectl")
        assert is_up(await watch.step()), "as many as are needed are ready"
        await scale(bench, "unscaled", "callbot", 1)
        assert (await watch.until(is_down))[-1] == 0.0
        state = watch.service()
        assert (state.ready, state.needed, state.wanted) == (1, 2, 3)


async def test_scaling_up_and_down_by_a_new_revision_has_no_slice_that_is_down(bench: WatchedBench) -> None:
    async with watching(bench, "grown") as watch, bench.deployer():
        await deploy(bench, "grown", 1, sized("grown", 1))
        await watch.until(is_up)
        assert set(await watch.during(deploy(bench, "grown", 2, sized("grown", 6)))) == {1.0}
        assert set(await watch.until(lambda reading: reading.services["callbot"].needed == 6)) == {1.0}
        assert set(await watch.during(deploy(bench, "grown", 3, sized("grown", 2)))) == {1.0}
        assert set(await watch.until(lambda reading: reading.services["callbot"].needed == 2)) == {1.0}
        added = sized("grown", 2, "callbot", "chatbot", "advisor")
        assert set(await watch.during(deploy(bench, "grown", 4, added))) == {1.0}
        assert set(await watch.during(deploy(bench, "grown", 5, sized("grown", 2)))) == {1.0}
        await watch.until(lambda reading: "advisor" not in reading.services)
        assert 0.0 not in {each.values.get(AVAILABLE) for each in watch.samples}


async def test_a_namespace_that_is_deleted_by_hand_is_down_and_a_tenant_that_is_deleted_is_not(
    bench: WatchedBench,
) -> None:
    async with watching(bench, "removed") as watch:
        async with bench.deployer():
            await deploy(bench, "removed", 1, sized("removed", 1))
            await watch.until(is_up)
        live: Obj | None = await bench.read("Namespace", "removed", "ecp-ai-removed")
        assert live is not None
        await bench.cluster.remove(ref_of(live), uid=live["metadata"]["uid"])
        assert (await watch.until(is_down))[-1] == 0.0
        async with bench.deployer():
            deletion = await bench.operate("removed", 2, Operation.DELETE)
            await bench.until(lambda: bool(bench.of(deletion)))
        assert AVAILABLE not in (await watch.step()).values

"""What the monitor makes of a tenant on the real simulator, from its first rollout to its end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from embedded.ports import free_ports
from services.monitor.collect.api_server import Endpoint
from services.monitor.collect.kubernetes import KubernetesCluster
from services.monitor.collect.readings import ClusterObjects, by_tenant, needs_found, read_tenants
from shared.sla import Observer
from tests.support.http_client import local_client
from tests.support.warm_programs import PROGRAMS

DEADLINE = 60.0
NAMESPACE = "ecp-ai-acme"
TENANT = {"ecp.ai/tenant": "acme"}
GPU_NODES: dict[str, Any] = {
    "nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}

Values = dict[str, float]


class Simulator:
    """The simulator as a process of its own, in memory and twenty times as fast, and its cluster `demo`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = local_client(base_url=url, timeout=60)

    async def apply(self, path: str, obj: dict[str, Any]) -> None:
        answer = await self._client.patch(
            f"/clusters/demo{path}/{obj['metadata']['name']}",
            params={"fieldManager": "test", "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            json=obj,
        )
        assert answer.is_success, answer.text

    async def delete(self, path: str) -> None:
        assert (await self._client.delete(f"/clusters/demo{path}")).is_success

    @asynccontextmanager
    async def without_nodes(self) -> AsyncIterator[None]:
        """No new pod is scheduled meanwhile: what would last a moment lasts until it was seen."""
        await self._cordon(True)
        yield
        await self._cordon(False)

    async def _cordon(self, unschedulable: bool) -> None:
        nodes = (await self._client.get("/clusters/demo/api/v1/nodes")).json()["items"]
        for node in nodes:
            answer = await self._client.patch(
                f"/clusters/demo/api/v1/nodes/{node['metadata']['name']}",
                headers={"Content-Type": "application/merge-patch+json"},
                json={"spec": {"unschedulable": unschedulable}},
            )
            assert answer.is_success, answer.text

    async def is_ready(self) -> bool:
        try:
            return (await self._client.get("/readyz")).is_success
        except httpx.TransportError:
            return False

    async def close(self) -> None:
        await self._client.aclose()


class Watched:
    """The tenant, which something else than our deployer deploys, read again and again."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._observer = Observer()

    async def read(self) -> tuple[ClusterObjects, Values]:
        """What the cluster has, and what is sampled of it."""
        state = await self._cluster.read()
        found = by_tenant(state).get("acme")
        if found is None:
            return state, {}
        needs = needs_found(found)
        promise = self._observer.note(needs, found.workloads, found.pods, datetime.now(UTC))
        return state, read_tenants(state, {"acme": promise})["acme"].values

    async def until(self, enough: Callable[[Values], bool]) -> list[Values]:
        """What is sampled, reading by reading, until it is enough."""
        seen: list[Values] = []
        async with asyncio.timeout(DEADLINE):
            while True:
                seen.append((await self.read())[1])
                if enough(seen[-1]):
                    return seen
                await asyncio.sleep(0.05)


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    [port] = free_ports(1)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    environment = inherited | {"SIMULATOR_PORT": str(port), "SIMULATOR_SPEED": "20"}
    log = tmp_path / "simulator.log"
    process = await PROGRAMS.start("services.simulator", environment=environment, output=log)
    simulator = Simulator(f"http://127.0.0.1:{port}")
    async with asyncio.timeout(DEADLINE):
        while True:
            if await simulator.is_ready():
                break
            await asyncio.sleep(0.1)
    yield simulator
    await simulator.close()
    process.terminate()
    await process.wait()


@pytest.fixture
async def tenant(simulator: Simulator) -> AsyncIterator[Watched]:
    cluster = KubernetesCluster(Endpoint("demo", server=f"{simulator.url}/clusters/demo"), timeout=4.0)
    yield Watched(cluster)
    await cluster.close()


def deployment(name: str, *, replicas: int | None = None, gpu: bool = False, fail: str | None = None) -> dict[str, Any]:
    resources = {"cpu": "500m", "memory": "1Gi"} | ({"nvidia.com/gpu": "1"} if gpu else {})
    container = {"name": name, "image": f"ecp-ai/{name}:1.0", "resources": {"requests": resources, "limits": resources}}
    labels = {"app": name, **TENANT}
    annotations = {"annotations": {"simulator.ecp.ai/fail": fail}} if fail else {}
    spec = {"containers": [container], **(GPU_NODES if gpu else {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels, **annotations}, "spec": spec},
        },
    }


def autoscaler(name: str, floor: int) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": TENANT},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": floor,
            "maxReplicas": floor,
        },
    }


async def deploy(simulator: Simulator, **changes: Any) -> None:
    """A tenant with an autoscaled service and a GPU service."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": TENANT}}
    await simulator.apply("/api/v1/namespaces", namespace)
    apps = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    scaling = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
    await simulator.apply(apps, deployment("callbot", **changes))
    await simulator.apply(scaling, autoscaler("callbot", 3))
    await simulator.apply(apps, deployment("tts", replicas=1, gpu=True))


async def test_a_first_rollout_is_unknown_and_then_up_and_never_down(simulator: Simulator, tenant: Watched) -> None:
    async with simulator.without_nodes():
        await deploy(simulator)
        seen = await tenant.until(lambda values: values.get("pods_wanted") == 4.0)
    seen += await tenant.until(lambda values: values.get("available") == 1.0)
    assert {values.get("available") for values in seen} == {None, 1.0}
    await tenant.until(lambda values: (values["pods_ready"], values["pods_wanted"]) == (4.0, 4.0))
    await tenant.until(lambda values: all(0 < values.get(name, 0) < 200 for name in ("cpu", "memory", "gpu")))


async def test_a_rollout_that_is_stuck_is_no_outage_while_the_old_pods_serve(
    simulator: Simulator, tenant: Watched
) -> None:
    await deploy(simulator)
    await tenant.until(lambda values: values.get("available") == 1.0)
    await deploy(simulator, fail="never-ready")
    async with asyncio.timeout(DEADLINE):
        while True:
            state, values = await tenant.read()
            assert values["available"] == 1.0
            if len(state.pods) > 4:
                break
            await asyncio.sleep(0.05)


async def test_pods_that_are_gone_take_the_tenant_down_until_others_are_ready(
    simulator: Simulator, tenant: Watched
) -> None:
    await deploy(simulator)
    await tenant.until(lambda values: values.get("available") == 1.0)
    async with simulator.without_nodes():
        await simulator.delete(f"/api/v1/namespaces/{NAMESPACE}/pods")
        await tenant.until(lambda values: values.get("available") == 0.0)
    await tenant.until(lambda values: values.get("available") == 1.0)


async def test_a_stopped_tenant_is_neither_up_nor_down(simulator: Simulator, tenant: Watched) -> None:
    await deploy(simulator)
    await tenant.until(lambda values: values.get("available") == 1.0)
    apps = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    await simulator.apply(apps, deployment("callbot", replicas=0))
    await simulator.apply(apps, deployment("tts", replicas=0, gpu=True))
    (*_, last) = await tenant.until(lambda values: values["pods_wanted"] == 0.0)
    assert "available" not in last


async def test_a_tenant_whose_namespace_is_deleted_disappears(simulator: Simulator, tenant: Watched) -> None:
    await deploy(simulator)
    await tenant.until(lambda values: values.get("available") == 1.0)
    await simulator.delete(f"/api/v1/namespaces/{NAMESPACE}")
    await tenant.until(lambda values: values == {})

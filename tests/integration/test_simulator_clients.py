"""Kubernetes' own Python client against the whole simulator, as the deployer and the monitor use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.aio.watch import Watch

from tests.support.http_client import local_client
from tests.support.polling import eventually
from tests.support.simulator_api import deployment
from tests.support.simulator_process import running_simulator


@pytest.fixture
async def address(unused_tcp_port: int) -> AsyncIterator[str]:
    """A simulator that runs five times as fast as real."""
    async with running_simulator(unused_tcp_port, speed=5):
        yield f"http://127.0.0.1:{unused_tcp_port}"


@pytest.fixture
async def dynamic(address: str, tmp_path: Path) -> AsyncIterator[Any]:
    """The dynamic client on cluster `demo`."""
    configuration = Configuration()
    configuration.host = f"{address}/clusters/demo"
    async with ApiClient(configuration) as api:
        yield await DynamicClient(api, cache_file=str(tmp_path / "discovery.json"))


async def test_the_dynamic_client_applies_watches_lists_and_deletes(dynamic: Any) -> None:
    deployments = await dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    pods = await dynamic.resources.get(api_version="v1", kind="Pod")

    async def apply(manager: str, **spec: Any) -> Any:
        return await dynamic.server_side_apply(
            deployments, body=deployment(**spec), namespace="default", field_manager=manager
        )

    applied = await apply("deployer", replicas=2)
    version = applied.metadata.resourceVersion
    # Left to the garbage collector, the watch's connection would be closed during a later test, which then fails.
    async with (
        asyncio.timeout(60),
        Watch() as watcher,
        aclosing(
            dynamic.watch(deployments, namespace="default", resource_version=version, timeout=30, watcher=watcher)
        ) as events,
    ):
        async for event in events:
            if (event["object"].status or {}).get("readyReplicas") == 2:
                break
    listed = await pods.get(namespace="default", label_selector="app=web")
    assert [pod.status.phase for pod in listed.items] == ["Running", "Running"]
    with pytest.raises(ConflictError):
        await apply("another", replicas=5)
    await deployments.delete(name="web", namespace="default")
    with pytest.raises(NotFoundError):
        await deployments.get(name="web", namespace="default")

    async def no_pods() -> bool:
        return not (await pods.get(namespace="default", label_selector="app=web")).items

    await eventually(no_pods)


async def test_pods_have_metrics_as_soon_as_they_run(dynamic: Any) -> None:
    deployments = await dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    metrics = await dynamic.resources.get(api_version="metrics.k8s.io/v1beta1", kind="PodMetrics")
    await dynamic.server_side_apply(deployments, body=deployment(), namespace="default", field_manager="deployer")

    async def measured() -> bool:
        return bool((await metrics.get(namespace="default")).items)

    await eventually(measured)
    found = await metrics.get(namespace="default")
    assert found.items[0].containers[0].usage.cpu.endswith("n")


async def test_the_products_own_paths_answer_beside_the_kubernetes_api(address: str) -> None:
    async with local_client(base_url=address) as client:
        assert (await client.get("/health")).json()["status"] == "healthy"
        assert (await client.get("/api/v1/metrics/system")).json()["nodes"] > 0
        missing = await client.get("/api/v1/metrics/unknown")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "TENANT_NOT_FOUND")
        wrong = await client.get("/api/metrics", headers={"X-Demo-Mode": "maybe"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "INVALID_MODE")
        body = {
            "tenant_id": "shop",
            "source": "ecp-orchestrator",
            "metrics": {"active_sessions": 85, "revenue": 15000.5},
        }
        posted = await client.post("/api/v1/external-metrics", json=body, headers={"X-Demo-Mode": "true"})
        assert posted.status_code == 202
        shown = await client.get("/api/v1/metrics/shop", headers={"X-Demo-Mode": "true"})
        assert shown.json()["external_metrics"]["metrics"]["active_sessions"] == 85
        assert (await client.get("/api/v1/metrics/shop")).status_code == 404
        for bad in ({}, {**body, "metrics": {"x": "many"}}, {**body, "tenant_id": "Not A Label"}):
            refused = await client.post("/api/v1/external-metrics", json=bad)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
        exposed = (await client.get("/metrics")).text
        assert 'simulator_objects{cluster="demo",resource="nodes"}' in exposed

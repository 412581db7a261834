"""What a cluster has left, from its nodes and pods as the API gives them; how often it is listed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from services.deployer.cluster import usage
from services.deployer.cluster.api import ClusterUnavailable, Listing
from services.deployer.cluster.capacity import CapacityService
from services.deployer.cluster.usage import usage_of
from services.deployer.state.records import ObjectRef
from shared.kube.kinds import Kind
from shared.rpc import CapacityRequest, NodeCapacity, PodDemand, RoomRequest


def node(name: str, **spec: Any) -> dict[str, Any]:
    allocatable = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2", "pods": "110"}
    metadata = {"name": name, "labels": {"nvidia.com/gpu.product": "Tesla-T4"}}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}}


def pod(node_name: str | None, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    requests = {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "1"}
    containers = [{"resources": {"requests": requests}}, {"resources": {"limits": {"memory": "512Mi"}}}]
    return {
        "metadata": {"namespace": "elsewhere"},
        "spec": {"nodeName": node_name, "containers": containers, **spec},
        "status": {"phase": phase},
    }


def capacities(nodes: list[dict[str, Any]], pods: list[dict[str, Any]]) -> list[NodeCapacity]:
    return usage.capacities(usage_of(nodes, pods))


def test_what_pods_ask_for_is_not_free() -> None:
    [found] = capacities([node("a")], [pod("a"), pod("a", "Succeeded"), pod(None), pod("elsewhere")])
    assert found.allocatable == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}
    assert found.free == {"cpu": "2500m", "memory": "6656Mi", "nvidia.com/gpu": "1"}
    assert found.labels == {"nvidia.com/gpu.product": "Tesla-T4"}


def test_an_init_container_counts_where_it_is_larger() -> None:
    first = [{"resources": {"requests": {"cpu": "3"}}}]
    [found] = capacities([node("a")], [pod("a", initContainers=first)])
    assert found.free["cpu"] == "1"


def test_more_than_everything_leaves_nothing() -> None:
    [found] = capacities([node("a")], [pod("a")] * 5)
    assert found.free == {"cpu": "0", "memory": "512Mi", "nvidia.com/gpu": "0"}


def test_cordoned_nodes_are_left_out_and_only_taints_that_keep_pods_off_are_told() -> None:
    taints = [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "PreferNoSchedule"}]
    found = capacities([node("b", taints=taints), node("a"), node("c", unschedulable=True)], [])
    assert [each.name for each in found] == ["a", "b"]
    assert found[1].taints == ({"key": "a", "effect": "NoSchedule"},)


@pytest.mark.parametrize(
    ("nodes", "pods", "reason"),
    [
        ([node("a")], [], None),
        ([node("a") | {"metadata": {"name": "a", "labels": {"karpenter.sh/nodepool": "x"}}}], [], "Karpenter"),
        ([node("a") | {"metadata": {"name": "a", "labels": {"type": "virtual-kubelet"}}}], [], "virtual"),
        (
            [node("a")],
            [pod("a") | {"metadata": {"namespace": "kube-system", "labels": {"k8s-app": "cluster-autoscaler"}}}],
            "cluster-autoscaler",
        ),
    ],
)
def test_an_autoscaler_of_nodes_is_seen(
    nodes: list[dict[str, Any]], pods: list[dict[str, Any]], reason: str | None
) -> None:
    grows = usage_of(nodes, pods).grows
    assert grows is None if reason is None else reason in (grows or "")
    assert usage_of(nodes, pods, has_autoscaler_status=True).grows is not None


class SlowCluster:
    """Counts how often it is listed; a listing takes until `answer` is set."""

    def __init__(self) -> None:
        self.listings = 0
        self.answer = asyncio.Event()
        self.fails = False

    async def list(self, kind: Kind, namespace: str) -> Listing:
        self.listings += 1
        await self.answer.wait()
        if self.fails:
            raise ClusterUnavailable("slow", "away")
        return Listing([node("a")] if kind.kind == "Node" else [], "1")

    async def read(self, ref: ObjectRef) -> None:
        return None


class OneTarget:
    def __init__(self, cluster: SlowCluster, grows: str | None = None) -> None:
        self._cluster = cluster
        self._grows = grows

    def cluster(self, target: str) -> SlowCluster:
        return self._cluster

    def grows(self, target: str) -> str | None:
        return self._grows


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def capacity_of(
    cluster: SlowCluster,
    seconds: float = 60.0,
    grows: str | None = None,
    clock: Callable[[], datetime] = lambda: NOW,
) -> CapacityService:
    targets = cast(Any, OneTarget(cluster, grows))
    return CapacityService(targets, cast(Any, None), clock, seconds=seconds)


async def test_many_who_ask_at_once_cost_a_cluster_one_listing() -> None:
    cluster = SlowCluster()
    capacity = capacity_of(cluster)
    asking = [asyncio.create_task(capacity.answer_capacity(CapacityRequest())) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()  # one that leaves doesn't end it for the others
    cluster.answer.set()
    replies = await asyncio.gather(*asking[1:])
    assert {reply.nodes[0].name for reply in replies} == {"a"}
    await capacity.answer_capacity(CapacityRequest())
    assert cluster.listings == 2  # nodes and pods


async def test_a_failed_listing_is_told_to_all_who_wait_and_not_kept() -> None:
    cluster = SlowCluster()
    cluster.fails = True
    cluster.answer.set()
    capacity = capacity_of(cluster)
    asking = (capacity.answer_capacity(CapacityRequest()) for _ in range(3))
    failed = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(each, ClusterUnavailable) for each in failed)
    cluster.fails = False
    assert (await capacity.answer_capacity(CapacityRequest())).nodes


def wanted(count: int, tenant: str = "a") -> RoomRequest:
    demand = PodDemand(name="callbot", count=count, requests={"cpu": "1"}, labels={"app": "callbot"})
    return RoomRequest(target="fake", tenant_id=tenant, pods=(demand,))


async def test_a_cluster_that_grows_by_itself_has_room_for_everything_with_the_reason() -> None:
    cluster = SlowCluster()
    cluster.answer.set()
    reply = await capacity_of(cluster, grows="KUBERNETES_GROWS is set").answer_room(wanted(1000))
    assert not reply.is_short
    assert "KUBERNETES_GROWS" in (reply.unchecked or "")


def workload(count: int) -> dict[str, Any]:
    container = {"name": "callbot", "resources": {"requests": {"cpu": "1"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "callbot"},
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": {"app": "callbot"}},
            "template": {"spec": {"containers": [container]}},
        },
    }


async def test_room_that_one_deployment_has_found_is_no_room_for_the_next() -> None:
    cluster = SlowCluster()
    cluster.answer.set()
    capacity = capacity_of(cluster)  # one node of 4 cores
    first = await capacity.find_room("fake", "ecp-ai-first", [workload(3)])
    again = await capacity.find_room("fake", "ecp-ai-first", [workload(3)])
    second = await capacity.find_room("fake", "ecp-ai-second", [workload(3)])
    assert (first.is_short, again.is_short, second.is_short) == (False, False, True)
    assert second.sentence.startswith("cpu: 3 needed, 1 free of 4")


@pytest.mark.parametrize("later", [timedelta(seconds=11), -timedelta(hours=1)], ids=str)
async def test_room_is_kept_for_seconds_whatever_becomes_of_the_clock(later: timedelta) -> None:
    cluster = SlowCluster()
    cluster.answer.set()
    times = [NOW, NOW, NOW + later]
    capacity = capacity_of(cluster, clock=lambda: times.pop(0) if len(times) > 1 else times[0])
    await capacity.find_room("fake", "ecp-ai-first", [workload(3)])
    assert not (await capacity.find_room("fake", "ecp-ai-second", [workload(3)])).is_short

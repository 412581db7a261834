"""What a cluster has left, from its nodes and pods as the API gives them."""

from typing import Any

from services.deployer.capacity import capacities


def node(name: str, **spec: Any) -> dict[str, Any]:
    allocatable = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2", "pods": "110"}
    metadata = {"name": name, "labels": {"nvidia.com/gpu.product": "Tesla-T4"}}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}}


def pod(node_name: str | None, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    requests = {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "1"}
    containers = [{"resources": {"requests": requests}}, {"resources": {"limits": {"memory": "512Mi"}}}]
    return {"spec": {"nodeName": node_name, "containers": containers, **spec}, "status": {"phase": phase}}


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

"""What is short for a tenant in a cluster: sums, single nodes, and what the tenant has already."""

from typing import Any

from services.deployer.cluster.room import RoomVerdict, groups_of, judge
from services.deployer.cluster.usage import usage_of

T4 = {"nvidia.com/gpu.product": "Tesla-T4"}
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def node(name: str, cpu: str, gpus: int = 0, pods: str = "110") -> dict[str, Any]:
    gpu = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "metadata": {"name": name, "labels": T4 if gpus else {}},
        "spec": {"taints": [TAINT] if gpus else []},
        "status": {"allocatable": {"cpu": cpu, "memory": "64Gi", "pods": pods, **gpu}},
    }


def spec(cpu: str, gpus: int = 0) -> dict[str, Any]:
    requests = {"cpu": cpu, "memory": "1Gi", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    placement = {"nodeSelector": T4, "tolerations": [TOLERATION]} if gpus else {}
    return {"containers": [{"resources": {"requests": requests}}], **placement}


def pods(count: int, where: str | None, cpu: str, namespace: str = "other", **metadata: Any) -> list[dict[str, Any]]:
    labels = {"app": "callbot"}
    return [
        {
            "metadata": {"namespace": namespace, "labels": labels, **metadata},
            "spec": spec(cpu) | ({"nodeName": where} if where else {}),
        }
        for _ in range(count)
    ]


def workload(count: int, cpu: str, gpus: int = 0, name: str = "callbot") -> dict[str, Any]:
    template = {"spec": spec(cpu, gpus)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": count, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def verdict(nodes: list[dict[str, Any]], running: list[dict[str, Any]], *objects: dict[str, Any]) -> RoomVerdict:
    return judge(usage_of(nodes, running), "mine", groups_of(objects), {})


def test_what_is_short_is_named_with_what_is_needed_free_and_there() -> None:
    found = verdict([node("a", "8"), node("g", "8", 4)], pods(2, "a", "1"), workload(300, "5"), workload(8, "1", 1))
    assert [(each.resource, each.gpu_type, each.needed, each.free, each.total) for each in found.short] == [
        ("cpu", None, "1508", "14", "16"),
        ("memory", None, "308Gi", "126Gi", "128Gi"),
        ("gpu", "Tesla-T4", "8", "4", "4"),
    ]


def test_gpus_of_a_type_that_no_node_has_are_short() -> None:
    [short] = verdict([node("a", "8")], [], workload(1, "1", 1)).short
    assert (short.resource, short.gpu_type, short.free, short.total) == ("gpu", "Tesla-T4", "0", "0")


def test_pods_that_fit_on_no_single_node_are_short_even_if_the_sum_suffices() -> None:
    found = verdict([node(str(number), "2") for number in range(10)], [], workload(3, "3"))
    assert found.short == ()
    [unplaced] = found.unplaced
    assert (unplaced.workload, unplaced.pods, unplaced.replicas) == ("callbot", 3, 3)
    assert unplaced.reason == "Insufficient cpu; each asks for 3 cpu, 1Gi memory, 10 nodes match"


def test_a_node_takes_no_more_pods_than_its_limit() -> None:
    assert verdict([node("a", "64", pods="5")], [], workload(6, "1")).unplaced[0].pods == 1


def test_pods_without_a_gpu_leave_the_nodes_that_have_one_to_others() -> None:
    tainted, open_to_all = node("t", "4", 4), node("o", "4", 4) | {"spec": {}}
    assert verdict([tainted], [], workload(1, "1")).unplaced
    objects = (workload(4, "1", name="chatbot"), workload(4, "1", 1))
    assert verdict([open_to_all, node("a", "4")], [], *objects) == RoomVerdict()


def test_only_what_comes_on_top_of_the_tenant_s_own_pods_needs_room() -> None:
    nodes, own = [node("a", "10")], pods(9, "a", "1", "mine")
    assert verdict(nodes, own, workload(10, "1")) == RoomVerdict()
    assert verdict(nodes, own, workload(9, "1")) == RoomVerdict()
    [short] = verdict(nodes, own, workload(12, "1")).short
    assert (short.needed, short.free) == ("3", "1")


def test_fewer_pods_are_never_short_however_full_the_cluster_is() -> None:
    overfull = pods(6, "a", "1", "mine") + pods(6, "a", "1")
    assert verdict([node("a", "10")], overfull, workload(5, "1")) == RoomVerdict()


def test_larger_pods_replace_the_tenant_s_own() -> None:
    nodes, own = [node("a", "10")], pods(9, "a", "1", "mine")
    assert verdict(nodes, own, workload(5, "2")) == RoomVerdict()
    assert verdict(nodes, own, workload(6, "2")).short[0].free == "10"


def test_pods_that_leave_have_left() -> None:
    leaving = pods(9, "a", "1", deletionTimestamp="2026-01-01T00:00:00Z")
    assert verdict([node("a", "10")], leaving, workload(10, "1")) == RoomVerdict()


def test_pods_of_others_that_wait_for_a_node_come_first_as_far_as_they_fit() -> None:
    nodes = [node("a", "10")]
    assert verdict(nodes, pods(9, None, "1"), workload(2, "1")).short[0].free == "1"
    assert verdict(nodes, pods(9, None, "11"), workload(2, "1")) == RoomVerdict()
    assert verdict(nodes, pods(9, None, "1", "mine"), workload(10, "1")) == RoomVerdict()


def test_an_autoscaler_s_minimum_is_what_a_workload_starts_with() -> None:
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "callbot"},
        "spec": {"minReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "callbot"}},
    }
    assert verdict([node("a", "4")], [], workload(1, "1"), autoscaler).unplaced[0].replicas == 5


def test_pods_on_nodes_with_another_gpu_don_t_count_as_those_that_are_wanted() -> None:
    nodes = [node("g", "8", 4)]
    running = pods(2, "g", "1", "mine")
    for each in running:
        each["spec"] |= spec("1", 1) | {"nodeName": "g"}
    assert verdict(nodes, running, workload(2, "1", 1)) == RoomVerdict()
    other = workload(2, "1", 1)
    other["spec"]["template"]["spec"]["nodeSelector"] = {"nvidia.com/gpu.product": "NVIDIA-H100"}
    [short] = verdict(nodes, running, other).short
    assert (short.gpu_type, short.needed, short.total) == ("NVIDIA-H100", "2", "0")


def test_pods_on_a_cordoned_node_stay_where_they_are() -> None:
    cordoned = node("a", "10") | {"spec": {"unschedulable": True}}
    assert verdict([cordoned], pods(2, "a", "1", "mine"), workload(2, "1")) == RoomVerdict()


def test_pods_that_wait_for_something_else_than_room_take_none() -> None:
    waiting = pods(9, None, "1")

    def refuse(message: str) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        for each in waiting:
            each["status"] = {"phase": "Pending", "conditions": [condition]}

    refuse("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    assert verdict([node("a", "10")], waiting, workload(10, "1")) == RoomVerdict()
    refuse("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).")
    assert verdict([node("a", "10")], waiting, workload(2, "1")).short[0].free == "1"

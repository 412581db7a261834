"""PodMetrics and NodeMetrics (metrics.k8s.io) as metrics-server reports them: cpu in nanocores, memory in Ki.

One extension: where a pod or node has GPUs, its usage also has `nvidia.com/gpu` in thousandths of a GPU (`1800m` is
1.8 GPUs busy), because the monitor would otherwise need a second source. Other clients ignore it.
"""

from collections.abc import Mapping
from datetime import datetime

from services.simulator.controllers.autoscaling.usage import ResourceUsage, container_usages, gpus, pod_usage, requested
from services.simulator.controllers.pods.pod_objects import node_of
from services.simulator.controllers.scheduling.placement import NodeInfo
from services.simulator.storage.store import Store
from shared.kube.objects import Obj, key_of, labels_of
from shared.kube.texts import format_time

API_VERSION = "metrics.k8s.io/v1beta1"
# The period over which metrics-server averages.
_WINDOW = "15s"
# Usage of a node's own system daemons.
_SYSTEM = ResourceUsage(cpu=120_000_000, memory=900 * 2**20)


def pod_metrics(store: Store, now: datetime, namespace: str | None = None) -> list[Obj]:
    """PodMetrics of the running pods of one namespace, or of all where it is None."""
    found = []
    for pod in store.list("pods", namespace):
        containers = container_usages(pod, now)
        if containers:
            found.append(_pod_metrics(pod, containers, format_time(now)))
    return found


def node_metrics(store: Store, node_infos: Mapping[str, NodeInfo], now: datetime) -> list[Obj]:
    """NodeMetrics of all nodes that the scheduler knows."""
    used = used_by_node(store, node_infos, now)
    return [
        _node_metrics(node, used[name], gpus(node_infos[name].allocatable), format_time(now))
        for node in store.list("nodes")
        if (name := node["metadata"]["name"]) in used
    ]


def used_by_node(store: Store, node_infos: Mapping[str, NodeInfo], now: datetime) -> dict[str, ResourceUsage]:
    """Usage of each node: its pods and its system daemons."""
    used = dict.fromkeys(node_infos, _SYSTEM)
    for pod in store.list("pods"):
        node = node_of(pod)
        if node in used:
            used[node] = used[node].plus(pod_usage(pod, now))
    return used


def _pod_metrics(pod: Obj, containers: list[tuple[str, ResourceUsage]], now: str) -> Obj:
    has_gpu = {one["name"]: gpus(requested(one)) for one in pod["spec"]["containers"]}
    namespace, name = key_of(pod)
    return {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": now,
            "labels": dict(labels_of(pod)),
        },
        "timestamp": now,
        "window": _WINDOW,
        "containers": [{"name": one, "usage": _usage(used, has_gpu[one])} for one, used in containers],
    }


def _node_metrics(node: Obj, used: ResourceUsage, gpu_count: int, now: str) -> Obj:
    return {
        "kind": "NodeMetrics",
        "apiVersion": API_VERSION,
        "metadata": {
            "name": node["metadata"]["name"],
            "creationTimestamp": now,
            "labels": dict(labels_of(node)),
        },
        "timestamp": now,
        "window": _WINDOW,
        "usage": _usage(used, gpu_count),
    }


def _usage(used: ResourceUsage, gpu_count: int) -> Obj:
    written = {"cpu": f"{used.cpu}n", "memory": f"{used.memory // 1024}Ki"}
    return written | ({"nvidia.com/gpu": f"{used.gpu}m"} if gpu_count else {})

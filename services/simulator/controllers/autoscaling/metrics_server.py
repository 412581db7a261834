"""PodMetrics and NodeMetrics (metrics.k8s.io) as metrics-server reports them: cpu in nanocores, memory in Ki.

One extension: where a pod or node has GPUs, its usage also has `nvidia.com/gpu` in thousandths of a GPU (`1800m` is
1.8 GPUs busy), because the monitor would otherwise need a second source. Other clients ignore it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from services.simulator.controllers.autoscaling.usage import (
    ContainerLoad,
    Moment,
    ResourceUsage,
    container_loads,
    gpus,
    usage_at,
)
from services.simulator.controllers.pods.pod_objects import node_of
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.scheduling.placement import NodeInfo
from shared.kube.objects import Obj, ObjectKey, key_of, labels_of
from shared.kube.texts import format_time

API_VERSION = "metrics.k8s.io/v1beta1"
# The period over which metrics-server averages.
_WINDOW = "15s"
# Usage of a node's own system daemons.
_SYSTEM = ResourceUsage(cpu=120_000_000, memory=900 * 2**20)


class _Measured(NamedTuple):
    """What the metrics of a pod need that doesn't change as long as the stored pod is the same."""

    pod: Obj
    node: str | None
    metadata: Obj
    loads: list[ContainerLoad]


class MetricsServer:
    """The metrics of one cluster. What depends only on a pod, and not on the time, is kept until the pod changes."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._kept: dict[ObjectKey, _Measured] = {}
        context.changes.watch("pods", self._on_pod)

    def pod_metrics(self, namespace: str | None = None) -> list[Obj]:
        """PodMetrics of the running pods of one namespace, or of all where it is None, in the order of a list."""
        moment = Moment.at(self._context.clock.now())
        now = format_time(moment.now)
        return [_pod_metrics(measured, moment, now) for measured in self._running(namespace)]

    def node_metrics(self, node_infos: Mapping[str, NodeInfo]) -> list[Obj]:
        """NodeMetrics of all nodes that the scheduler knows."""
        used, now = self.used_by_node(node_infos), self._context.timestamp()
        return [
            _node_metrics(node, used[name], gpus(node_infos[name].allocatable), now)
            for node in self._context.store.list("nodes")
            if (name := node["metadata"]["name"]) in used
        ]

    def used_by_node(self, node_infos: Mapping[str, NodeInfo]) -> dict[str, ResourceUsage]:
        """Usage of each node: its pods and its system daemons."""
        moment, used = Moment.at(self._context.clock.now()), dict.fromkeys(node_infos, _SYSTEM)
        for measured in self._running(None):
            if measured.node in used:
                for load in measured.loads:
                    used[measured.node] = used[measured.node].plus(usage_at(load, moment))
        return used

    def _running(self, namespace: str | None) -> Iterator[_Measured]:
        """The pods with running containers."""
        for pod in self._context.store.list("pods", namespace):
            key = key_of(pod)
            measured = self._kept.get(key)
            if measured is None or measured.pod is not pod:
                measured = self._kept[key] = _measured(pod)
            if measured.loads:
                yield measured

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        if changed := old or new:
            self._kept.pop(key_of(changed), None)


def _measured(pod: Obj) -> _Measured:
    namespace, name = key_of(pod)
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": "", "labels": dict(labels_of(pod))}
    return _Measured(pod, node_of(pod), metadata, container_loads(pod))


def _pod_metrics(measured: _Measured, moment: Moment, now: str) -> Obj:
    return {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": {**measured.metadata, "creationTimestamp": now},
        "timestamp": now,
        "window": _WINDOW,
        "containers": [
            {"name": load.name, "usage": _usage(usage_at(load, moment), load.gpus)} for load in measured.loads
        ],
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

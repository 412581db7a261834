"""PodMetrics and NodeMetrics (metrics.k8s.io) as metrics-server reports them: cpu in nanocores, memory in Ki.

As metrics-server does by default, it measures a pod every 15 s and repeats the measurement in between; `timestamp` is
its time. Pods have their turns at different seconds, so that the sum of many changes steadily.

One extension: where a pod or node has GPUs, its usage also has `nvidia.com/gpu` in thousandths of a GPU (`1800m` is
1.8 GPUs busy), because the monitor would otherwise need a second source. Other clients ignore it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import orjson

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
# Between two measurements of a pod, and the period over which metrics-server averages.
SCRAPE_SECONDS = 15
_WINDOW = "15s"
# Places in what is written once for a pod; no name or label can have these characters.
_TEXT, _NUMBER = "\x00", "\x01"
# Usage of a node's own system daemons.
_SYSTEM = ResourceUsage(cpu=120_000_000, memory=900 * 2**20)


class Measurement(NamedTuple):
    """The metrics of one pod or node as JSON."""

    encoded: bytes

    @property
    def obj(self) -> Obj:
        """The metrics as an object."""
        found: Obj = orjson.loads(self.encoded)
        return found


class _Scrape(NamedTuple):
    """A moment of measuring, and its timestamp."""

    moment: Moment
    text: str


class _MeasuredPod:
    """A pod with its last measurement. Of ten thousand pods that are read every 5 s, a third is measured each time."""

    __slots__ = (
        "_encoded",
        "_format",
        "_loads",
        "_measured_at",
        "_next_at",
        "_since",
        "_turn",
        "node",
        "pod",
        "usages",
    )

    def __init__(self, pod: Obj) -> None:
        self.pod, self.node = pod, node_of(pod)
        self._loads = container_loads(pod)
        self._since = max((load.running_since.timestamp() for load in self._loads), default=0.0)
        self._turn = crc32(pod["metadata"]["uid"].encode()) % SCRAPE_SECONDS
        self._measured_at = self._next_at = -1
        self._encoded: bytes | None = None
        self._format: bytes | None = None
        self.usages: list[ResourceUsage] = []
        """By container; empty if none runs."""

    def measure(self, second: int) -> None:
        """Measure, unless the last measurement holds at this second. A pod that just started is measured at once."""
        if self._measured_at <= second < self._next_at:
            return
        turn = second - (second - self._turn) % SCRAPE_SECONDS
        self._measured_at = second if turn < self._since else turn
        self._next_at = turn + SCRAPE_SECONDS
        moment = _scrape_at(self._measured_at).moment
        self.usages = [usage_at(load, moment) for load in self._loads]
        self._encoded = None

    @property
    def is_running(self) -> bool:
        """Whether a container runs."""
        return bool(self._loads)

    @property
    def encoded(self) -> bytes:
        """The PodMetrics of the last measurement."""
        if self._encoded is None:
            self._encoded = self._written()
        return self._encoded

    def _written(self) -> bytes:
        """Only times and numbers differ from one measurement to the next, so the rest of the JSON is written once."""
        if self._format is None:
            self._format = _pod_metrics_format(self.pod, self._loads)
        measured_at, numbers = _scrape_at(self._measured_at).text.encode(), list[int]()
        for load, used in zip(self._loads, self.usages, strict=True):
            numbers += (used.cpu, used.memory // 1024, used.gpu) if load.gpus else (used.cpu, used.memory // 1024)
        return self._format % (measured_at, measured_at, *numbers)


class MetricsServer:
    """The metrics of one cluster. What depends only on a pod, and not on the time, is kept until the pod changes."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._kept: dict[ObjectKey, _MeasuredPod] = {}
        # Those with running containers, in the order of a list; None after a change.
        self._running_pods: list[_MeasuredPod] | None = None
        context.changes.watch("pods", self._on_pod)

    def pod_metrics(self, namespace: str | None = None) -> list[Measurement]:
        """PodMetrics of the running pods of one namespace, or of all where it is None, in the order of a list."""
        return [Measurement(measured.encoded) for measured in self._running(namespace)]

    def node_metrics(self, node_infos: Mapping[str, NodeInfo]) -> list[Measurement]:
        """NodeMetrics of all nodes that the scheduler knows."""
        used, now = self.used_by_node(node_infos), self._context.timestamp()
        return [
            Measurement(orjson.dumps(_node_metrics(node, used[name], gpus(node_infos[name].allocatable), now)))
            for node in self._context.store.list("nodes")
            if (name := node["metadata"]["name"]) in used
        ]

    def used_by_node(self, node_infos: Mapping[str, NodeInfo]) -> dict[str, ResourceUsage]:
        """Usage of each node: its pods and its system daemons."""
        sums = {name: list(_SYSTEM) for name in node_infos}
        for measured in self._running(None):
            if (total := sums.get(measured.node or "")) is not None:
                for used in measured.usages:
                    total[0] += used.cpu
                    total[1] += used.memory
                    total[2] += used.gpu
        return {name: ResourceUsage(*total) for name, total in sums.items()}

    def _running(self, namespace: str | None) -> list[_MeasuredPod]:
        """The pods with running containers, measured."""
        if namespace is not None:
            found = self._find_running(namespace)
        elif self._running_pods is None:
            found = self._running_pods = self._find_running(None)
        else:
            found = self._running_pods
        second = int(self._context.clock.now().timestamp())
        for measured in found:
            measured.measure(second)
        return found

    def _find_running(self, namespace: str | None) -> list[_MeasuredPod]:
        found = []
        for pod in self._context.store.list("pods", namespace):
            key = key_of(pod)
            measured = self._kept.get(key)
            if measured is None or measured.pod is not pod:
                measured = self._kept[key] = _MeasuredPod(pod)
            if measured.is_running:
                found.append(measured)
        return found

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        self._running_pods = None
        if changed := old or new:
            self._kept.pop(key_of(changed), None)


@lru_cache(maxsize=4 * SCRAPE_SECONDS)
def _scrape_at(second: int) -> _Scrape:
    now = datetime.fromtimestamp(second, UTC)
    return _Scrape(Moment.at(now), format_time(now))


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


def _pod_metrics_format(pod: Obj, loads: Sequence[ContainerLoad]) -> bytes:
    """PodMetrics as JSON, with a place for the time, once more for the time, and for each container's numbers."""
    (namespace, name), labels = key_of(pod), dict(labels_of(pod))
    metrics = {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": _TEXT, "labels": labels},
        "timestamp": _TEXT,
        "window": _WINDOW,
        "containers": [
            {"name": load.name, "usage": _usage_texts(_NUMBER, _NUMBER, _NUMBER, load.gpus)} for load in loads
        ],
    }
    written = orjson.dumps(metrics).replace(b"%", b"%%")
    return written.replace(orjson.dumps(_TEXT)[1:-1], b"%b").replace(orjson.dumps(_NUMBER)[1:-1], b"%d")


def _usage(used: ResourceUsage, gpu_count: int) -> Obj:
    return _usage_texts(used.cpu, used.memory // 1024, used.gpu, gpu_count)


def _usage_texts(cpu: int | str, kibibytes: int | str, gpu: int | str, gpu_count: int) -> Obj:
    written = {"cpu": f"{cpu}n", "memory": f"{kibibytes}Ki"}
    return written | ({"nvidia.com/gpu": f"{gpu}m"} if gpu_count else {})

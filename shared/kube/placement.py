"""Whether pods fit on nodes: an estimate of what a scheduler could do, by first fit. Pure.

It counts what decides in practice (requests, pods a node, node selectors, taints), and leaves out what only prefers
(spreading, affinity). So it may find room that a scheduler would not use, and hardly ever misses room that there is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.kube.quantities import parse

Amounts = dict[str, Decimal]
"""By resource, in base units: cores, bytes, pieces."""

GPU = "nvidia.com/gpu"
GPU_PRODUCT = "nvidia.com/gpu.product"
PODS = "pods"
_COUNTED_WHERE_LISTED = frozenset({PODS, "ephemeral-storage"})
"""Resources that a node need not list: then it has no bound that we know of."""


@dataclass
class Node:
    """A node that takes pods; `free` shrinks as pods are placed."""

    name: str
    allocatable: Amounts
    free: Amounts
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, Any]] = ()
    """Those that keep pods off: effects NoSchedule and NoExecute."""


@dataclass(frozen=True)
class PodGroup:
    """Equal pods. `labels` are those by which their workload finds them."""

    name: str
    count: int
    requests: Mapping[str, Decimal]
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def on_gpu_nodes(product: str) -> dict[str, Any]:
    """The part of a pod's spec that puts it onto nodes with this GPU, which keep other pods off by a taint."""
    return {
        "nodeSelector": {GPU_PRODUCT: product},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
    }


def place(group: PodGroup, nodes: Iterable[Node]) -> int:
    """Put as many pods of `group` on `nodes` as fit, and take their room; how many."""
    placed = 0
    for node in sorted(may_run_on(group, nodes), key=lambda node: _is_precious(node, group)):
        fit = min(group.count - placed, _fitting(group, node))
        for name, value in _needs(group, node):
            node.free[name] = node.free.get(name, Decimal(0)) - value * fit
        placed += fit
        if placed == group.count:
            break
    return placed


def may_run_on(group: PodGroup, nodes: Iterable[Node]) -> list[Node]:
    """The nodes that a pod of `group` may run on, whether there is room or not."""
    return [node for node in nodes if is_selected(group, node) and _is_tolerated(group, node)]


def lacking(group: PodGroup, nodes: Sequence[Node]) -> list[str]:
    """The resources of which none of `nodes` has enough for one pod."""
    return [
        name
        for name in {**group.requests, PODS: Decimal(1)}
        if nodes and all(_too_small(name, node, group) for node in nodes)
    ]


def requests_of(spec: Mapping[str, Any]) -> Amounts:
    """A pod's requests as the scheduler counts them: containers and sidecars add up, a larger init container counts."""
    total: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, _of_container(container))
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _add(total, _of_container(container))
            continue
        for name, value in _of_container(container).items():
            largest[name] = max(largest.get(name, Decimal(0)), value)
    for name, value in largest.items():
        total[name] = max(total.get(name, Decimal(0)), value)
    _add(total, {name: parse(value) for name, value in (spec.get("overhead") or {}).items()})
    return total


def _of_container(container: Mapping[str, Any]) -> Amounts:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse(value) for name, value in asked.items()}


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Decimal(0)) + value


def _is_precious(node: Node, group: PodGroup) -> bool:
    """Whether the node has GPUs that the pods don't need: it is taken last."""
    return node.allocatable.get(GPU, Decimal(0)) > 0 and not group.requests.get(GPU)


def _fitting(group: PodGroup, node: Node) -> int:
    """How many pods of `group` the node has room for."""
    counts = [int(max(node.free.get(name, Decimal(0)), Decimal(0)) // value) for name, value in _needs(group, node)]
    return min(counts, default=group.count)


def _needs(group: PodGroup, node: Node) -> list[tuple[str, Decimal]]:
    needs = {**group.requests, PODS: Decimal(1)}
    return [(name, value) for name, value in needs.items() if value > 0 and _is_counted(name, node)]


def _too_small(name: str, node: Node, group: PodGroup) -> bool:
    wanted = Decimal(1) if name == PODS else group.requests[name]
    return _is_counted(name, node) and node.free.get(name, Decimal(0)) < wanted


def _is_counted(name: str, node: Node) -> bool:
    return name in node.allocatable or name not in _COUNTED_WHERE_LISTED


def is_selected(group: PodGroup, node: Node) -> bool:
    """Whether the node has the labels that the pods ask for."""
    return all(node.labels.get(key) == value for key, value in group.node_selector.items())


def _is_tolerated(group: PodGroup, node: Node) -> bool:
    return all(any(_tolerates(each, taint) for each in group.tolerations) for taint in node.taints)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    return (toleration.get("key"), toleration.get("value", "")) == (taint.get("key"), taint.get("value", ""))

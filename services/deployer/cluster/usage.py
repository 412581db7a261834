"""What the pods of a cluster use of its nodes at one moment. Pure.

It also tells whether the cluster gets nodes by itself: then free resources don't limit what can run.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.kube.objects import Obj, is_terminating, labels_of
from shared.kube.placement import PODS, Amounts, Node, PodGroup, requests_of
from shared.kube.quantities import canonical, from_bytes, parse
from shared.rpc import NodeCapacity

_SHOWN = ("cpu", "memory", "nvidia.com/gpu", "ephemeral-storage")
_ENDED = frozenset({"Succeeded", "Failed"})
_LACKS = ("Insufficient ", "Too many pods")
"""The scheduler's messages about a node without room."""
_KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})
_AUTOSCALERS = frozenset({"cluster-autoscaler", "aws-cluster-autoscaler", "karpenter"})
_APP_LABELS = ("app.kubernetes.io/name", "k8s-app", "app")
_MADE_ON_DEMAND = {"karpenter.sh/nodepool": "Karpenter", "karpenter.sh/provisioner-name": "Karpenter"}
"""Labels of nodes that were created for waiting pods, and by what."""
_VIRTUAL = {("type", "virtual-kubelet"), *(("eks.amazonaws.com/compute-type", each) for each in ("fargate", "auto"))}


class SeenPod(NamedTuple):
    """A pod that uses room, or waits for it if `node` is empty."""

    namespace: str
    labels: Mapping[str, str]
    requests: Amounts
    node: str
    is_leaving: bool
    """Whether it is being deleted: its room becomes free within its grace period."""


class ClusterUsage(NamedTuple):
    """Nodes and pods of a cluster, reduced to what decides where pods fit."""

    nodes: tuple[Node, ...]
    """The schedulable nodes, by name; `pods` are not subtracted from their `free`."""
    pods: tuple[SeenPod, ...]
    waiting: tuple[tuple[str, PodGroup], ...]
    """Pods that wait for a node, each group with its namespace."""
    grows: str | None
    """Why the cluster gets nodes by itself, or None."""


def usage_of(nodes: Iterable[Obj], pods: Iterable[Obj], *, has_autoscaler_status: bool = False) -> ClusterUsage:
    """The usage of a cluster, from all its nodes and pods."""
    nodes, live = list(nodes), [pod for pod in pods if (pod.get("status") or {}).get("phase") not in _ENDED]
    usable = (node for node in nodes if not node.get("spec", {}).get("unschedulable"))
    seen = [_seen(pod) for pod in live]
    return ClusterUsage(
        nodes=tuple(_node(node) for node in sorted(usable, key=_name)),
        pods=tuple(seen),
        waiting=_waiting(live, seen),
        grows=_autoscaler(nodes, seen, has_autoscaler_status=has_autoscaler_status),
    )


def capacities(usage: ClusterUsage) -> list[NodeCapacity]:
    """Each node less the requests of its pods."""
    taken: dict[str, Amounts] = {}
    for pod in usage.pods:
        for name, value in pod.requests.items() if pod.node else ():
            on_node = taken.setdefault(pod.node, {})
            on_node[name] = on_node.get(name, Decimal(0)) + value
    return [_capacity(node, taken.get(node.name, {})) for node in usage.nodes]


def _capacity(node: Node, taken: Amounts) -> NodeCapacity:
    offered = {name: node.allocatable[name] for name in _SHOWN if name in node.allocatable}
    return NodeCapacity(
        name=node.name,
        allocatable={name: shown(name, value) for name, value in offered.items()},
        free={
            name: shown(name, max(value - taken.get(name, Decimal(0)), Decimal(0))) for name, value in offered.items()
        },
        labels=dict(node.labels),
        taints=tuple({key: str(value) for key, value in taint.items()} for taint in node.taints),
    )


def shown(name: str, value: Decimal) -> str:
    """A quantity in its resource's usual notation."""
    return from_bytes(int(value)) if name in ("memory", "ephemeral-storage") else canonical(f"{value:f}")


def _node(node: Obj) -> Node:
    listed = (node.get("status") or {}).get("allocatable") or {}
    allocatable = {name: parse(value) for name, value in listed.items()}
    taints = (node.get("spec") or {}).get("taints") or ()
    return Node(
        name=_name(node),
        allocatable=allocatable,
        free=dict(allocatable),
        labels=labels_of(node),
        taints=[taint for taint in taints if taint.get("effect") in _KEEPS_OFF],
    )


def _seen(pod: Obj) -> SeenPod:
    metadata = pod["metadata"]
    return SeenPod(
        namespace=metadata.get("namespace", ""),
        labels=labels_of(pod),
        requests=requests_of(pod["spec"]) | {PODS: Decimal(1)},
        node=pod["spec"].get("nodeName") or "",
        is_leaving=is_terminating(pod),
    )


def _waiting(pods: Iterable[Obj], seen: Iterable[SeenPod]) -> tuple[tuple[str, PodGroup], ...]:
    """Pods without a node, grouped by requests and placement."""
    groups: dict[str, tuple[str, PodGroup]] = {}
    counts: dict[str, int] = {}
    for pod, known in zip(pods, seen, strict=True):
        spec = pod["spec"]
        if known.node or known.is_leaving or spec.get("schedulingGates") or _waits_for_no_room(pod):
            continue
        requests = {name: value for name, value in known.requests.items() if name != PODS}
        selector, tolerations = spec.get("nodeSelector") or {}, spec.get("tolerations") or ()
        kind = repr((known.namespace, sorted(requests.items()), sorted(selector.items()), list(tolerations)))
        counts[kind] = counts.get(kind, 0) + 1
        groups[kind] = (known.namespace, PodGroup("", counts[kind], requests, selector, tolerations))
    return tuple(groups.values())


def _waits_for_no_room(pod: Obj) -> bool:
    """Whether the scheduler refused the pod for another reason, such as a volume or an affinity."""
    refusals = (
        str(each.get("message", ""))
        for each in (pod.get("status") or {}).get("conditions") or ()
        if each.get("type") == "PodScheduled" and each.get("status") == "False"
    )
    return any(text and not any(lack in text for lack in _LACKS) for text in refusals)


def _autoscaler(nodes: Iterable[Obj], pods: Iterable[SeenPod], *, has_autoscaler_status: bool) -> str | None:
    if has_autoscaler_status:
        return "cluster-autoscaler reports its status in kube-system"
    for node in nodes:
        labels = labels_of(node)
        if (label := next((each for each in _MADE_ON_DEMAND if each in labels), None)) is not None:
            return f"{_MADE_ON_DEMAND[label]} makes nodes on demand (node {_name(node)} has the label {label})"
        if any(labels.get(key) == value for key, value in _VIRTUAL):
            return f"node {_name(node)} is virtual, or one of EKS Auto Mode"
    for pod in pods:
        if found := next((pod.labels[key] for key in _APP_LABELS if pod.labels.get(key) in _AUTOSCALERS), None):
            return f"{found} runs in namespace {pod.namespace}"
    return None


def _name(node: Obj) -> str:
    return str(node["metadata"]["name"])

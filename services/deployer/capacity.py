"""Answers `rpc.capacity`: what a target's nodes have, and what of it no pod has asked for."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from services.deployer.cluster import Cluster, Kind, Obj
from services.deployer.targets import Targets
from shared.kube.quantities import canonical, from_bytes, parse
from shared.rpc import CapacityReply, CapacityRequest, NodeCapacity
from shared.subjects import Mode

_RESOURCES = ("cpu", "memory", "nvidia.com/gpu", "ephemeral-storage")
_NODE, _POD = Kind("v1", "Node"), Kind("v1", "Pod")
_ENDED = frozenset({"Succeeded", "Failed"})
_KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})

Amounts = dict[str, Decimal]


async def answer_capacity(request: CapacityRequest, mode: Mode, *, targets: Targets) -> CapacityReply:
    """Nodes that take pods now. Raises UnknownTarget, ClusterUnavailable and ClusterRefused."""
    cluster: Cluster = targets.cluster(mode, request.target)
    nodes, pods = await cluster.list(_NODE, ""), await cluster.list(_POD, "")
    return CapacityReply(target=request.target, nodes=tuple(capacities(nodes.items, pods.items)))


def capacities(nodes: Iterable[Obj], pods: Iterable[Obj]) -> list[NodeCapacity]:
    """Each schedulable node, by name, less what its pods have asked for. Pure."""
    taken: dict[str, Amounts] = defaultdict(dict)
    for pod in pods:
        node = pod.get("spec", {}).get("nodeName")
        if node and pod.get("status", {}).get("phase") not in _ENDED:
            _add(taken[node], _requests(pod["spec"]))
    usable = (node for node in nodes if not node.get("spec", {}).get("unschedulable"))
    return [_capacity(node, taken[node["metadata"]["name"]]) for node in sorted(usable, key=_name)]


def _capacity(node: Obj, taken: Amounts) -> NodeCapacity:
    listed = node.get("status", {}).get("allocatable", {})
    offered = {name: listed[name] for name in _RESOURCES if name in listed}
    taints = node.get("spec", {}).get("taints") or ()
    return NodeCapacity(
        name=_name(node),
        allocatable=offered,
        free={name: _left(name, value, taken.get(name, Decimal(0))) for name, value in offered.items()},
        labels=node["metadata"].get("labels") or {},
        taints=tuple({k: str(v) for k, v in taint.items()} for taint in taints if taint.get("effect") in _KEEPS_OFF),
    )


def _left(name: str, offered: str, taken: Decimal) -> str:
    left = max(parse(offered) - taken, Decimal(0))
    return from_bytes(int(left)) if name == "memory" else canonical(f"{left:f}")


def _requests(spec: Obj) -> Amounts:
    """A pod's, as the scheduler reckons: containers add up, an init container counts where it is larger."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, _of_container(container))
    for container in spec.get("initContainers") or ():
        for name, value in _of_container(container).items():
            total[name] = max(total.get(name, Decimal(0)), value)
    return total


def _of_container(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse(value) for name, value in asked.items() if name in _RESOURCES}


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Decimal(0)) + value


def _name(node: Obj) -> str:
    return str(node["metadata"]["name"])

"""Whether a tenant's pods have room in a cluster, and what is short if they don't. Pure.

Running pods of the tenant that are as large as the wanted ones stay; its other pods make room for their replacements.
Only what exceeds them needs room, after the pods of other tenants that already wait for a node.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from services.deployer.cluster.manifest_objects import autoscaler_minimums
from services.deployer.cluster.usage import ClusterUsage, SeenPod, shown
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj
from shared.kube.placement import GPU, GPU_PRODUCT, Node, PodGroup, is_selected, lacking, may_run_on, place, requests_of
from shared.rpc import Shortage, Unplaced

_SUMS = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}
_REPLICATED = frozenset({"Deployment", "StatefulSet"})

Reservations = Mapping[str, Sequence[PodGroup]]
"""By namespace, the pods of tenants that were found to have room and may not exist yet."""


class RoomVerdict(NamedTuple):
    """What is short; both are empty if all pods have room."""

    short: tuple[Shortage, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()


def groups_of(objects: Sequence[Obj], skipped: frozenset[Kind] = frozenset()) -> list[PodGroup]:
    """The pods that a manifest starts with: autoscaled workloads at their minimum."""
    minimums = autoscaler_minimums(objects, skipped)
    return [
        _group(obj, minimums.get((obj["kind"], obj["metadata"]["name"]), int(obj["spec"].get("replicas", 1))))
        for obj in objects
        if obj["kind"] in _REPLICATED and kind_of(obj) not in skipped
    ]


def judge(usage: ClusterUsage, namespace: str, wanted: Sequence[PodGroup], reserved: Reservations) -> RoomVerdict:
    """Whether `wanted` has room in `namespace`, beside all that runs, waits or is reserved elsewhere."""
    kept, extras = _kept(usage, namespace, wanted)
    if not extras:
        return RoomVerdict()
    nodes = _free_nodes(usage, namespace, kept)
    for group in _waiting_elsewhere(usage, namespace, reserved):
        place(group, nodes)
    short = tuple(_shortages(extras, nodes))
    unplaced = tuple(_unplaced(sorted(extras, key=_size, reverse=True), wanted, nodes))
    return RoomVerdict(short, unplaced) if short or unplaced else RoomVerdict()


def _group(obj: Obj, count: int) -> PodGroup:
    spec = obj["spec"].get("template", {}).get("spec") or {}
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    selector, tolerations = spec.get("nodeSelector") or {}, spec.get("tolerations") or ()
    return PodGroup(obj["metadata"]["name"], count, requests_of(spec), selector, tolerations, labels)


def _kept(usage: ClusterUsage, namespace: str, wanted: Iterable[PodGroup]) -> tuple[list[SeenPod], list[PodGroup]]:
    """The tenant's pods that can stay as they are, and the wanted pods beyond them."""
    own = [pod for pod in usage.pods if pod.namespace == namespace and pod.node and not pod.is_leaving]
    nodes = {node.name: node for node in usage.nodes}
    kept: list[SeenPod] = []
    extras = []
    for group in wanted:
        can_stay = [pod for pod in own if _belongs(pod, group) and _covers(pod, group, nodes.get(pod.node))]
        kept += can_stay[: group.count]
        if group.count > len(can_stay):
            extras.append(replace(group, count=group.count - len(can_stay)))
    return kept, extras


def _belongs(pod: SeenPod, group: PodGroup) -> bool:
    return bool(group.labels) and all(pod.labels.get(key) == value for key, value in group.labels.items())


def _covers(pod: SeenPod, group: PodGroup, node: Node | None) -> bool:
    """Whether the pod has the wanted size and place. A pod on a cordoned node, which isn't listed here, stays."""
    if node is not None and not is_selected(group, node):
        return False
    return all(pod.requests.get(name, Decimal(0)) >= value for name, value in group.requests.items())


def _free_nodes(usage: ClusterUsage, namespace: str, kept: Sequence[SeenPod]) -> list[Node]:
    """The nodes less the pods that stay: the tenant's `kept` ones, and others that aren't being deleted."""
    nodes = {node.name: replace(node, free=dict(node.allocatable)) for node in usage.nodes}
    others = (pod for pod in usage.pods if pod.namespace != namespace and not pod.is_leaving)
    for pod in (*others, *kept):
        if (node := nodes.get(pod.node)) is not None:
            for name, value in pod.requests.items():
                node.free[name] = node.free.get(name, Decimal(0)) - value
    return list(nodes.values())


def _waiting_elsewhere(usage: ClusterUsage, namespace: str, reserved: Reservations) -> Iterator[PodGroup]:
    yield from (group for where, group in usage.waiting if where != namespace)
    for where, groups in reserved.items():
        there = [pod for pod in usage.pods if pod.namespace == where and not pod.is_leaving]
        for group in groups if where != namespace else ():
            missing = group.count - sum(1 for pod in there if _belongs(pod, group))
            if missing > 0:
                yield replace(group, count=missing)


def _shortages(extras: Sequence[PodGroup], nodes: Sequence[Node]) -> Iterator[Shortage]:
    """Resources of which all nodes together have too little; GPUs by the requested type."""
    for name, title in _SUMS.items():
        types = dict.fromkeys(group.node_selector.get(GPU_PRODUCT) if name == GPU else None for group in extras)
        for gpu_type in types:
            asking = [g for g in extras if name != GPU or g.node_selector.get(GPU_PRODUCT) == gpu_type]
            offering = [each for each in nodes if gpu_type in (None, each.labels.get(GPU_PRODUCT))]
            needed = sum((group.requests.get(name, Decimal(0)) * group.count for group in asking), Decimal(0))
            free = sum((max(each.free.get(name, Decimal(0)), Decimal(0)) for each in offering), Decimal(0))
            if needed > free:
                total = sum((each.allocatable.get(name, Decimal(0)) for each in offering), Decimal(0))
                amounts = {"needed": needed, "free": free, "total": total}
                yield Shortage(
                    resource=title, gpu_type=gpu_type, **{key: _amount(name, value) for key, value in amounts.items()}
                )


def _unplaced(extras: Iterable[PodGroup], wanted: Iterable[PodGroup], nodes: list[Node]) -> Iterator[Unplaced]:
    replicas = {group.name: group.count for group in wanted}
    for group in extras:
        missing = group.count - place(group, nodes)
        if missing:
            reason = _reason(group, may_run_on(group, nodes))
            yield Unplaced(workload=group.name, pods=missing, replicas=replicas[group.name], reason=reason)


def _reason(group: PodGroup, possible: Sequence[Node]) -> str:
    if not possible:
        asked = ", ".join(f"{key}={value}" for key, value in group.node_selector.items())
        return f"no node has the labels {asked}" if asked else "no node takes them"
    each = ", ".join(f"{_amount(name, value)} {name}" for name, value in group.requests.items() if name in _SUMS)
    lacks = ", ".join(f"Insufficient {name}" for name in lacking(group, possible)) or "Insufficient room on one node"
    return f"{lacks}; each asks for {each or 'a place'}, {len(possible)} nodes match"


def _amount(name: str, value: Decimal) -> str:
    """Memory as a quantity; cores and GPUs as plain numbers: `4515` rather than `4515000m` or `4.515k`."""
    return shown(name, value) if name == "memory" else f"{value.normalize():f}"


def _size(group: PodGroup) -> tuple[Decimal, Decimal, Decimal]:
    """Sort key: large pods are placed first, so that small ones don't take their last places."""
    return tuple(group.requests.get(name, Decimal(0)) for name in (GPU, "cpu", "memory"))  # type: ignore[return-value]

"""Whether a tenant's pods have room in a cluster, and what is short if they haven't. Pure.

Only what comes on top of the tenant's own pods needs room: those that run and are as large as what is wanted stay where
they are, others make room for what replaces them. Pods of others that wait for a node come first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from services.deployer.cluster.api import Kind, Obj, kind_of
from services.deployer.cluster.usage import ClusterUsage, SeenPod, shown
from services.deployer.health.snapshot import minimums
from shared.kube.placement import GPU, GPU_PRODUCT, Node, PodGroup, is_selected, lacking, may_run_on, place, requests_of
from shared.rpc import Shortage, Unplaced

_SUMS = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}
_REPLICATED = frozenset({"Deployment", "StatefulSet"})

Promised = Mapping[str, Sequence[PodGroup]]
"""By namespace, the pods of tenants that were found to have room and may not be there yet."""


class RoomVerdict(NamedTuple):
    """What is short; nothing if all pods have room."""

    short: tuple[Shortage, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()


def groups_of(objects: Sequence[Obj], skipped: frozenset[Kind] = frozenset()) -> list[PodGroup]:
    """The pods of a manifest as they start: autoscalers at their minimum."""
    floors = minimums(objects, skipped)
    return [
        _group(obj, floors.get((obj["kind"], obj["metadata"]["name"]), int(obj["spec"].get("replicas", 1))))
        for obj in objects
        if obj["kind"] in _REPLICATED and kind_of(obj) not in skipped
    ]


def judge(state: ClusterUsage, namespace: str, wanted: Sequence[PodGroup], promised: Promised) -> RoomVerdict:
    """Whether `wanted` has room in `namespace`, beside all that runs, waits or is promised elsewhere."""
    kept, extras = _kept(state, namespace, wanted)
    if not extras:
        return RoomVerdict()
    nodes = _free_nodes(state, namespace, kept)
    for group in _waiting_elsewhere(state, namespace, promised):
        place(group, nodes)
    short = tuple(_shortages(extras, nodes))
    unplaced = tuple(_unplaced(sorted(extras, key=_size, reverse=True), wanted, nodes))
    return RoomVerdict(short, unplaced) if short or unplaced else RoomVerdict()


def _group(obj: Obj, count: int) -> PodGroup:
    spec = obj["spec"].get("template", {}).get("spec") or {}
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    selector, tolerations = spec.get("nodeSelector") or {}, spec.get("tolerations") or ()
    return PodGroup(obj["metadata"]["name"], count, requests_of(spec), selector, tolerations, labels)


def _kept(state: ClusterUsage, namespace: str, wanted: Iterable[PodGroup]) -> tuple[list[SeenPod], list[PodGroup]]:
    """The tenant's pods that can stay as they are, and what is wanted besides."""
    own = [pod for pod in state.pods if pod.namespace == namespace and pod.node and not pod.is_leaving]
    nodes = {node.name: node for node in state.nodes}
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
    """Whether the pod is as large as those wanted, and where they may be. A cordoned node, not known here, keeps it."""
    if node is not None and not is_selected(group, node):
        return False
    return all(pod.requests.get(name, Decimal(0)) >= value for name, value in group.requests.items())


def _free_nodes(state: ClusterUsage, namespace: str, kept: Sequence[SeenPod]) -> list[Node]:
    """The nodes less what stays: the tenant's `kept` pods, and those of others that aren't being deleted."""
    nodes = {node.name: replace(node, free=dict(node.allocatable)) for node in state.nodes}
    others = (pod for pod in state.pods if pod.namespace != namespace and not pod.is_leaving)
    for pod in (*others, *kept):
        if (node := nodes.get(pod.node)) is not None:
            for name, value in pod.requests.items():
                node.free[name] = node.free.get(name, Decimal(0)) - value
    return list(nodes.values())


def _waiting_elsewhere(state: ClusterUsage, namespace: str, promised: Promised) -> Iterator[PodGroup]:
    yield from (group for where, group in state.waiting if where != namespace)
    for where, groups in promised.items():
        there = [pod for pod in state.pods if pod.namespace == where and not pod.is_leaving]
        for group in groups if where != namespace else ():
            missing = group.count - sum(1 for pod in there if _belongs(pod, group))
            if missing > 0:
                yield replace(group, count=missing)


def _shortages(extras: Sequence[PodGroup], nodes: Sequence[Node]) -> Iterator[Shortage]:
    """Resources of which all nodes together have too little; GPUs by the type that is asked for."""
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
    """Memory as a quantity, and cores and GPUs as plain numbers: `4515` and not `4515000m` or `4.515k`."""
    return shown(name, value) if name == "memory" else f"{value.normalize():f}"


def _size(group: PodGroup) -> tuple[Decimal, Decimal, Decimal]:
    """The largest first, so that small pods don't take the last places of large ones."""
    return tuple(group.requests.get(name, Decimal(0)) for name in (GPU, "cpu", "memory"))  # type: ignore[return-value]

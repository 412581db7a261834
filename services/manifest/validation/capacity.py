"""Whether a cluster has the capacity for a manifest: in total, and on a node for each pod."""

from decimal import Decimal

from services.manifest.validation.findings import FindingCollector
from services.manifest.validation.limits import amount, demand
from services.manifest.validation.manifest import Manifest, Pods
from services.manifest.validation.workloads import least_replicas
from shared.kube.placement import Node, PodGroup, lacking, may_run_on, place
from shared.kube.quantities import canonical
from shared.rpc import CapacityReply, NodeCapacity

_RESOURCES = {"cpu": "CPU", "memory": "Memory", "nvidia.com/gpu": "GPU"}
_TIGHT = Decimal("0.8")
_PREFIX = "requests."


def check_capacity(manifest: Manifest, capacity: CapacityReply, findings: FindingCollector) -> None:
    """Compare the initial pods (autoscalers at their minimum) with the free capacity of the cluster."""
    nodes = [_node(each) for each in capacity.nodes]
    _check_sums(manifest, nodes, findings)
    for pods in sorted(manifest.pods, key=lambda each: -demand(each.spec).get("requests.cpu", Decimal(0))):
        _place(pods, least_replicas(pods, manifest), nodes, findings)


def _node(known: NodeCapacity) -> Node:
    allocatable, free = (
        {name: amount(value) for name, value in amounts.items()} for amounts in (known.allocatable, known.free)
    )
    return Node(known.name, allocatable, free, known.labels, known.taints)


def _check_sums(manifest: Manifest, nodes: list[Node], findings: FindingCollector) -> None:
    for name, title in _RESOURCES.items():
        needed = sum(
            (demand(p.spec).get(f"{_PREFIX}{name}", Decimal(0)) * least_replicas(p, manifest) for p in manifest.pods),
            Decimal(0),
        )
        free = sum((node.free.get(name, Decimal(0)) for node in nodes), Decimal(0))
        total = sum((node.allocatable.get(name, Decimal(0)) for node in nodes), Decimal(0))
        if needed > free:
            findings.add("CAPACITY_EXCEEDED", resource=title, needed=_shown(needed, name), free=_shown(free, name))
        elif needed and total and (total - free + needed) / total > _TIGHT:
            percent = int((total - free + needed) * 100 / total)
            findings.add("CAPACITY_TIGHT", resource=title, percent=str(percent))


def _place(pods: Pods, count: int, nodes: list[Node], findings: FindingCollector) -> None:
    """Place pods on nodes. Unlike a scheduler it reports only pods that no scheduler could place."""
    group = _group(pods, count)
    placed = place(group, nodes)
    if placed == count:
        return
    possible = may_run_on(group, nodes)
    reasons = [f"Insufficient {name}" for name in lacking(group, possible)]
    matching = [*reasons, f"{len(possible)} nodes match"] if possible else []
    reason = ", ".join(matching) or "no node matches its node selector and tolerations"
    findings.add(
        "POD_FITS_NOWHERE", pods.item, pods.pointer, missing=str(count - placed), replicas=str(count), reason=reason
    )


def _group(pods: Pods, count: int) -> PodGroup:
    requests = {
        name.removeprefix(_PREFIX): value
        for name, value in demand(pods.spec).items()
        if name.startswith(_PREFIX) and name != "requests.ephemeral-storage"
    }
    selector, tolerations = pods.spec.get("nodeSelector") or {}, pods.spec.get("tolerations") or ()
    return PodGroup(pods.item.name, count, requests, selector, tolerations)


def _shown(value: Decimal, name: str) -> str:
    return canonical(f"{-(-int(value) // 2**20)}Mi") if name == "memory" else canonical(f"{value:f}")

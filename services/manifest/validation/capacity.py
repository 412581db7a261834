"""Whether a cluster has room: all pods together, and each of them on some node."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from services.manifest.validation.findings import Findings
from services.manifest.validation.limits import amount, demand
from services.manifest.validation.manifest import Manifest, Obj, Pods
from services.manifest.validation.workloads import least_replicas
from shared.kube.quantities import canonical
from shared.rpc import CapacityReply, NodeCapacity

_RESOURCES = {"cpu": "CPU", "memory": "Memory", "nvidia.com/gpu": "GPU"}
_TIGHT = Decimal("0.8")
_MOST_PODS = 5_000
"""Placed one by one; of more, the sums alone are looked at."""


@dataclass
class _Room:
    node: NodeCapacity
    free: dict[str, Decimal] = field(default_factory=dict)


def check_capacity(manifest: Manifest, capacity: CapacityReply, findings: Findings) -> None:
    """The pods as they start (autoscalers at their minimum) against what the cluster has free now."""
    rooms = [_Room(node, {name: amount(value) for name, value in node.free.items()}) for node in capacity.nodes]
    _check_sums(manifest, capacity, rooms, findings)
    wanted = [(pods, least_replicas(pods, manifest)) for pods in manifest.pods]
    if sum(count for _, count in wanted) <= _MOST_PODS:
        for pods, count in sorted(wanted, key=lambda each: -demand(each[0].spec).get("requests.cpu", Decimal(0))):
            _place(pods, count, rooms, findings)


def _check_sums(manifest: Manifest, capacity: CapacityReply, rooms: list[_Room], findings: Findings) -> None:
    for name, title in _RESOURCES.items():
        needed = sum(
            (demand(p.spec).get(f"requests.{name}", Decimal(0)) * least_replicas(p, manifest) for p in manifest.pods),
            Decimal(0),
        )
        free = sum((room.free.get(name, Decimal(0)) for room in rooms), Decimal(0))
        total = sum((amount(node.allocatable.get(name, "0")) for node in capacity.nodes), Decimal(0))
        if needed > free:
            findings.add("CAPACITY_EXCEEDED", resource=title, needed=_shown(needed, name), free=_shown(free, name))
        elif needed and total and (total - free + needed) / total > _TIGHT:
            percent = int((total - free + needed) * 100 / total)
            findings.add("CAPACITY_TIGHT", resource=title, percent=str(percent))


def _place(pods: Pods, count: int, rooms: list[_Room], findings: Findings) -> None:
    """First fit. It is no scheduler: it shows what no scheduler could place."""
    need = {
        name.removeprefix("requests."): value
        for name, value in demand(pods.spec).items()
        if name.startswith("requests.") and name != "requests.ephemeral-storage"
    }
    possible = [room for room in rooms if _may_run_on(pods.spec, room.node)]
    placed = start = 0
    # Pods of one kind are equal: a node that had no room for one has none for the next.
    while placed < count and start < len(possible):
        room = possible[start]
        if all(room.free.get(name, Decimal(0)) >= value for name, value in need.items()):
            placed += 1
            for name, value in need.items():
                room.free[name] = room.free.get(name, Decimal(0)) - value
        else:
            start += 1
    if placed < count:
        reason = ", ".join(_reasons(need, possible)) or "no node matches its node selector and tolerations"
        findings.add(
            "POD_FITS_NOWHERE", pods.item, pods.pointer, missing=str(count - placed), replicas=str(count), reason=reason
        )


def _reasons(need: dict[str, Decimal], possible: list[_Room]) -> Iterator[str]:
    for name, value in need.items():
        if possible and all(room.free.get(name, Decimal(0)) < value for room in possible):
            yield f"Insufficient {name}"
    if possible:
        yield f"{len(possible)} nodes match"


def _may_run_on(spec: Obj, node: NodeCapacity) -> bool:
    selector = spec.get("nodeSelector") or {}
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    tolerations = spec.get("tolerations") or ()
    return all(any(_tolerates(each, taint) for each in tolerations) for taint in node.taints)


def _tolerates(toleration: Obj, taint: dict[str, str]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    return (toleration.get("key"), toleration.get("value", "")) == (taint.get("key"), taint.get("value", ""))


def _shown(value: Decimal, name: str) -> str:
    return canonical(f"{-(-int(value) // 2**20)}Mi") if name == "memory" else canonical(f"{value:f}")

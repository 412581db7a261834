"""The resources and the health of a cluster, from the capacity of its nodes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.gateway.dashboards.schemas import Amounts, ComponentHealth, KubernetesComponent, Shares, SystemMetrics
from shared.kube.quantities import parse
from shared.rpc import CapacityReply, NodeCapacity

_RESOURCES = {"cpu": "cpu", "memory": "memory", "gpu": "nvidia.com/gpu", "storage": "ephemeral-storage"}
_NOT_READY = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


def system_metrics(
    capacity: CapacityReply, tenants: int, active: int, own: Iterable[Mapping[str, Any]] | None = None
) -> SystemMetrics:
    """The sums over all nodes, with the numbers of all and of running tenants.

    `own` are the resources of the running tenants of a caller that may not see what others use; they replace the use.
    """
    total = {name: _sum(node.allocatable.get(key) for node in capacity.nodes) for name, key in _RESOURCES.items()}
    free = {name: _sum(node.free.get(key) for node in capacity.nodes) for name, key in _RESOURCES.items()}
    used = {name: total[name] - free[name] for name in _RESOURCES} if own is None else _used_by(own)
    return SystemMetrics(
        cluster_status=_cluster_health(capacity.nodes),
        total_tenants=tenants,
        active_tenants=active,
        total_resources=_amounts(total),
        used_resources=_amounts(used),
        utilization=Shares(
            **{name: round(float(100 * used[name] / total[name]), 2) if total[name] else None for name in _RESOURCES}
        ),
    )


def _used_by(own: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """The sums of sized resources such as {"cpu": "45000m", "memory": "64Gi", "gpu": 2, "storage": "2.0TB"}."""
    listed = list(own)
    return {name: _sum(str(each[name]).removesuffix("B") for each in listed if name in each) for name in _RESOURCES}


def cluster_component(capacity: CapacityReply | None) -> KubernetesComponent:
    """The health of the cluster; critical if it didn't answer."""
    if capacity is None:
        return KubernetesComponent(status="critical", nodes_ready=None)
    ready = sum(map(_is_ready, capacity.nodes))
    return KubernetesComponent(status=_cluster_health(capacity.nodes), nodes_ready=f"{ready}/{len(capacity.nodes)}")


def _cluster_health(nodes: Sequence[NodeCapacity]) -> ComponentHealth:
    ready = sum(map(_is_ready, nodes))
    if not ready:
        return "critical"
    return "healthy" if ready == len(nodes) else "degraded"


def _is_ready(node: NodeCapacity) -> bool:
    return not any(taint.get("key") in _NOT_READY for taint in node.taints)


def _sum(quantities: Iterable[str | None]) -> Decimal:
    return sum((parse(each) for each in quantities if each is not None), Decimal(0))


def _amounts(amounts: Mapping[str, Decimal]) -> Amounts:
    return Amounts(
        cpu=f"{int(amounts['cpu'] * 1000)}m",
        memory=f"{_plain(amounts['memory'] / 2**30)}Gi",
        gpu=int(amounts["gpu"]),
        storage=f"{_plain(amounts['storage'] / 10**12)}TB",
    )


def _plain(number: Decimal) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")

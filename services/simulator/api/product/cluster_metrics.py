"""Metrics of a cluster and of a tenant in it, in the shapes that `schemas` describes."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from services.simulator.controllers.autoscaling.usage import ResourceUsage, container_usages, gpus, requested
from services.simulator.controllers.pods.pod_objects import is_active
from services.simulator.controllers.scheduling.placement import Amounts
from services.simulator.controllers.virtual_cluster import VirtualCluster
from shared.kube import labels
from shared.kube.objects import Obj, is_ready, labels_of
from shared.sla import Figures

# A model of the traffic behind a load: requests per second of a busy core, and the response time on an idle one.
_REQUESTS_A_CORE = 40.0
_IDLE_RESPONSE_MS = 60.0
_BASE_ERROR_PERCENT = 0.01


def system_metrics(cluster: VirtualCluster) -> Obj:
    """Nodes, pods, capacity and usage of the whole cluster, and utilization in percent."""
    now, node_infos, pods = cluster.clock.now(), cluster.scheduler.node_infos(), cluster.store.list("pods")
    used = ResourceUsage()
    for one in cluster.metrics.used_by_node(node_infos).values():
        used = used.plus(one)
    capacity = _sum(node.allocatable for node in node_infos.values())
    return {
        "timestamp": now.isoformat(),
        "cluster": cluster.name,
        "cluster_status": "healthy" if all(map(is_ready, cluster.store.list("nodes"))) else "degraded",
        "nodes": len(node_infos),
        "pods": {"total": len(pods), "ready": sum(map(is_ready, pods))},
        "total_resources": _written(capacity),
        "requested_resources": _written(_sum(node.used for node in node_infos.values())),
        "used_resources": {
            "cpu": f"{used.cpu // 1_000_000}m",
            "memory": _gibibytes(used.memory),
            "gpu": round(used.gpu / 1000, 2),
        },
        "utilization": {
            "cpu": _percent(used.cpu / 1_000_000, capacity["cpu"]),
            "memory": _percent(used.memory, capacity["memory"]),
            "gpu": _percent(used.gpu / 1000, gpus(capacity)),
        },
    }


def tenants(cluster: VirtualCluster) -> list[str]:
    """Ids of the tenants that have a namespace in the cluster."""
    found = (labels_of(namespace).get(labels.TENANT) for namespace in cluster.store.list("namespaces"))
    return sorted({tenant_id for tenant_id in found if tenant_id})


def tenant_metrics(cluster: VirtualCluster, tenant_id: str) -> Obj | None:
    """Pods, load and availability of a tenant; None if it has no namespace in the cluster."""
    namespaces = _namespaces(cluster, tenant_id)
    if not namespaces:
        return None
    now = cluster.clock.now()
    pods = [pod for namespace in namespaces for pod in cluster.store.list("pods", namespace) if is_active(pod)]
    return {
        "tenant_id": tenant_id,
        "timestamp": now.isoformat(),
        "cluster": cluster.name,
        "namespaces": namespaces,
        "pods": {"total": len(pods), "ready": sum(map(is_ready, pods))},
        "metrics": _load(pods, now),
        "sla_data": _sla(cluster.availability.of(tenant_id)),
    }


def _load(pods: list[Obj], now: datetime) -> dict[str, float]:
    """Usage in percent of the running containers' requests, and the traffic that causes such a load."""
    used, cpu, memory, gpu, ready = ResourceUsage(), 0, 0, 0, 0
    for pod in pods:
        running = dict(container_usages(pod, now))
        ready += is_ready(pod)
        for container in pod["spec"]["containers"]:
            if container["name"] in running:
                request = requested(container)
                used = used.plus(running[container["name"]])
                cpu, memory, gpu = cpu + request.get("cpu", 0), memory + request.get("memory", 0), gpu + gpus(request)
    busy = used.cpu / 1_000_000 / cpu if cpu else 0.0
    missing = 1 - ready / len(pods) if pods else 0.0
    return {
        "cpu": round(100 * busy, 2),
        "memory": _percent(used.memory, memory),
        "gpu": _percent(used.gpu / 1000, gpu),
        "network_rps": round(_REQUESTS_A_CORE * used.cpu / 1e9, 1),
        # As in a queue with one server: the time grows without bound as the load approaches the capacity.
        "response_time": round(_IDLE_RESPONSE_MS / (1 - min(busy, 0.95)), 1) if ready else 0.0,
        "error_rate": round(_BASE_ERROR_PERCENT * (1 + busy) + 100 * missing * busy, 3) if ready else 100.0,
    }


def _sla(figures: Figures | None) -> Obj:
    """`availability` leaves out unknown time; `uptime_percentage` counts it as down."""
    if figures is None:
        return {
            "availability": None,
            "uptime_percentage": None,
            "downtime_minutes": 0.0,
            "unknown_minutes": 0.0,
            "watched_minutes": 0.0,
            "failure_count": 0,
        }
    return {
        "availability": None if figures.availability is None else round(figures.availability, 4),
        "uptime_percentage": _percent(figures.up_seconds, figures.window.seconds),
        "downtime_minutes": round(figures.down_seconds / 60, 2),
        "unknown_minutes": round(figures.unknown_seconds / 60, 2),
        "watched_minutes": round(figures.window.seconds / 60, 2),
        "failure_count": len(figures.failures),
    }


def _namespaces(cluster: VirtualCluster, tenant_id: str) -> list[str]:
    return [
        namespace["metadata"]["name"]
        for namespace in cluster.store.list("namespaces")
        if labels_of(namespace).get(labels.TENANT) == tenant_id
    ]


def _sum(resources: Iterable[Amounts]) -> Counter[str]:
    """Amounts of each resource together, in the scheduler's units."""
    total: Counter[str] = Counter()
    for amounts in resources:
        total.update(amounts)
    return total


def _written(amounts: Counter[str]) -> Obj:
    return {"cpu": f"{amounts['cpu']}m", "memory": _gibibytes(amounts["memory"]), "gpu": gpus(amounts)}


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f}Gi"


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0

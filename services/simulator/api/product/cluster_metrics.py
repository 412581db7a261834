"""The numbers of a cluster as its readers want them: metrics.k8s.io objects, and the product's own system and tenant
metrics.

PodMetrics and NodeMetrics are as metrics-server writes them (cpu in nanocores, memory in Ki), with one extension:
where a pod or node has GPUs its usage also has `nvidia.com/gpu` in thousandths of a GPU (`1800m` is 1.8 GPUs busy),
because the monitor would otherwise need a second source. Clients that read cpu and memory don't notice.
"""

from collections.abc import Iterable
from datetime import datetime

from services.simulator.controllers.autoscaling.usage import ResourceUsage, container_usages, gpus, pod_usage, requested
from services.simulator.controllers.pods.pod_objects import is_active, is_ready, node_of
from services.simulator.controllers.scheduling.placement import NodeInfo
from services.simulator.controllers.virtual_cluster import VirtualCluster
from services.simulator.objects import Obj, key_of, labels_of, timestamp
from shared.sla import Figures

API_VERSION = "metrics.k8s.io/v1beta1"
TENANT_LABEL = "ecp.ai/tenant"
# What metrics-server averages over.
_WINDOW = "15s"
# What a node uses by itself: system daemons.
_SYSTEM = ResourceUsage(cpu=120_000_000, memory=900 * 2**20)
# A model of traffic that follows from the load: requests a busy core carries, and the time one takes on an idle one.
_REQUESTS_A_CORE = 40.0
_IDLE_RESPONSE_MS = 60.0
_BASE_ERROR_PERCENT = 0.01


def pod_metrics(cluster: VirtualCluster, namespace: str | None = None) -> list[Obj]:
    """PodMetrics of all pods that run, in one namespace or (None) everywhere."""
    now = cluster.clock.now()
    found = []
    for pod in cluster.store.list("pods", namespace):
        containers = container_usages(pod, now)
        if containers:
            found.append(_pod_metrics(pod, containers, timestamp(now)))
    return found


def node_metrics(cluster: VirtualCluster) -> list[Obj]:
    """NodeMetrics of all nodes."""
    now = cluster.clock.now()
    used = _used_by_node(cluster, now)
    return [
        {
            "kind": "NodeMetrics",
            "apiVersion": API_VERSION,
            "metadata": {
                "name": node["metadata"]["name"],
                "creationTimestamp": timestamp(now),
                "labels": dict(labels_of(node)),
            },
            "timestamp": timestamp(now),
            "window": _WINDOW,
            "usage": _usage(
                used[node["metadata"]["name"]], _gpu_count([cluster.scheduler.node_infos()[node["metadata"]["name"]]])
            ),
        }
        for node in cluster.store.list("nodes")
        if node["metadata"]["name"] in used
    ]


def system_metrics(cluster: VirtualCluster) -> Obj:
    """The whole cluster: nodes, pods, capacity, use and utilisation in percent; cpu in millicores, memory in Gi."""
    now, node_infos = cluster.clock.now(), cluster.scheduler.node_infos()
    pods = cluster.store.list("pods")
    used = ResourceUsage()
    for one in _used_by_node(cluster, now).values():
        used = used.plus(one)
    cpu, memory, gpu = (
        _total(node_infos.values(), "cpu"),
        _total(node_infos.values(), "memory"),
        _gpu_count(node_infos.values()),
    )
    return {
        "timestamp": now.isoformat(),
        "cluster": cluster.name,
        "cluster_status": "healthy" if all(map(is_ready, cluster.store.list("nodes"))) else "degraded",
        "nodes": len(node_infos),
        "pods": {"total": len(pods), "ready": sum(map(is_ready, pods))},
        "total_resources": {"cpu": f"{cpu}m", "memory": _gibibytes(memory), "gpu": gpu},
        "requested_resources": {
            "cpu": f"{_requested(node_infos.values(), 'cpu')}m",
            "memory": _gibibytes(_requested(node_infos.values(), "memory")),
            "gpu": sum(gpus(node_info.used) for node_info in node_infos.values()),
        },
        "used_resources": {
            "cpu": f"{used.cpu // 1_000_000}m",
            "memory": _gibibytes(used.memory),
            "gpu": round(used.gpu / 1000, 2),
        },
        "utilization": {
            "cpu": _percent(used.cpu / 1_000_000, cpu),
            "memory": _percent(used.memory, memory),
            "gpu": _percent(used.gpu / 1000, gpu),
        },
    }


def tenant_metrics(cluster: VirtualCluster, tenant_id: str) -> Obj | None:
    """One tenant: pods, use in percent of requests, simulated traffic, availability; None without a namespace here."""
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


def _pod_metrics(pod: Obj, containers: list[tuple[str, ResourceUsage]], now: str) -> Obj:
    has_gpu = {one["name"]: gpus(requested(one)) for one in pod["spec"]["containers"]}
    namespace, name = key_of(pod)
    return {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": now,
            "labels": dict(labels_of(pod)),
        },
        "timestamp": now,
        "window": _WINDOW,
        "containers": [{"name": one, "usage": _usage(used, has_gpu[one])} for one, used in containers],
    }


def _usage(used: ResourceUsage, gpu_count: int) -> Obj:
    written = {"cpu": f"{used.cpu}n", "memory": f"{used.memory // 1024}Ki"}
    return written | ({"nvidia.com/gpu": f"{used.gpu}m"} if gpu_count else {})


def _used_by_node(cluster: VirtualCluster, now: datetime) -> dict[str, ResourceUsage]:
    used = dict.fromkeys(cluster.scheduler.node_infos(), _SYSTEM)
    for pod in cluster.store.list("pods"):
        if node_of(pod) in used:
            used[node_of(pod)] = used[node_of(pod)].plus(pod_usage(pod, now))
    return used


def _load(pods: list[Obj], now: datetime) -> dict[str, float]:
    """Use in percent of what running containers asked for, and the traffic that such a load means."""
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
        # As in a queue with one server: the time grows without bound as the load nears what there is.
        "response_time": round(_IDLE_RESPONSE_MS / (1 - min(busy, 0.95)), 1) if ready else 0.0,
        "error_rate": round(_BASE_ERROR_PERCENT * (1 + busy) + 100 * missing * busy, 3) if ready else 100.0,
    }


def _sla(figures: Figures | None) -> Obj:
    """`availability` leaves out what is unknown; `uptime_percentage` is the part of the time that was surely up."""
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
        if labels_of(namespace).get(TENANT_LABEL) == tenant_id
    ]


def _total(node_infos: Iterable[NodeInfo], resource: str) -> int:
    return sum(node_info.allocatable.get(resource, 0) for node_info in node_infos)


def _requested(node_infos: Iterable[NodeInfo], resource: str) -> int:
    return sum(node_info.used.get(resource, 0) for node_info in node_infos)


def _gpu_count(node_infos: Iterable[NodeInfo]) -> int:
    return sum(gpus(node_info.allocatable) for node_info in node_infos)


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f}Gi"


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0

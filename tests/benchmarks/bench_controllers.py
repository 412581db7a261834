"""CPU time of the simulator's controllers, from a Deployment to ready pods and to their deletion, in virtual time.

    python tests/benchmarks/bench_controllers.py

One process without HTTP and database: store, scheduler, kubelets, ReplicaSet, events.
"""

import time
import tracemalloc
from datetime import UTC, datetime
from statistics import mean
from typing import Any

from rich.table import Table

from services.simulator.clock import Clock
from services.simulator.controllers.virtual_cluster import VirtualCluster
from services.simulator.storage.store import Store
from tests.support.bench_report import note, show

START = datetime(2026, 1, 5, 1, tzinfo=UTC)
# Pods, and nodes in addition to the 24 of the default cluster, so that all pods fit.
SIZES = ((100, 0), (1_000, 0), (5_000, 60))


def make_cluster(extra_nodes: int) -> tuple[VirtualCluster, Store, Clock]:
    """The cluster `demo` with additional CPU nodes and a namespace."""
    clock = Clock(START)
    store = Store(clock.now)
    cluster = VirtualCluster("demo", store, clock, seed=1)
    cluster.start()
    model = store.get("nodes", "", "demo-cpu-01")
    for number in range(extra_nodes if model else 0):
        name = f"extra-{number:03}"
        metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
        spec = {"podCIDR": f"10.246.{number}.0/24"}
        store.create("nodes", {**(model or {}), "metadata": metadata, "spec": spec})
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}}
    store.create("namespaces", {**namespace, "spec": {"finalizers": ["kubernetes"]}})
    clock.step(1)
    return cluster, store, clock


def deployment(replicas: int) -> dict[str, Any]:
    """Small pods with a readiness probe."""
    container = {
        "name": "main",
        "image": "example/web:1",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    metadata = {"name": "web", "namespace": "bench"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def measure(pods: int, extra_nodes: int) -> tuple[float, float, float]:
    """CPU seconds until the pods are ready, and until the namespace is empty; microseconds of a pod's metrics."""
    cluster, store, clock = make_cluster(extra_nodes)
    began = time.process_time()
    store.create("deployments.apps", deployment(pods))
    clock.step(20)
    up = time.process_time() - began
    found = store.get("deployments.apps", "bench", "web")
    if not found or found["status"].get("readyReplicas") != pods:
        raise SystemExit(f"only {found and found['status'].get('readyReplicas')} of {pods} pods are ready")
    of_metrics = metrics(cluster)
    began = time.process_time()
    store.delete("namespaces", "", "bench")
    clock.step(10)
    return up, time.process_time() - began, of_metrics


def memory(pods: int, extra_nodes: int) -> tuple[float, float]:
    """Kilobytes per ready pod with its events: with their entries in the watch log, and when these are forgotten."""
    _, store, clock = make_cluster(extra_nodes)
    tracemalloc.start()
    store.create("deployments.apps", deployment(pods))
    clock.step(20)
    held, _ = tracemalloc.get_traced_memory()
    for _ in range(2):
        store.forget_old_changes()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / pods / 1000, left / pods / 1000


def metrics(cluster: VirtualCluster) -> float:
    """CPU microseconds a pod for PodMetrics of all running pods, encoded, each 5 s; the mean of 30 s."""
    samples = []
    for _ in range(6):
        cluster.clock.step(5)
        began = time.process_time()
        found = cluster.metrics.pod_metrics()
        b",".join([each.encoded for each in found])
        samples.append((time.process_time() - began) / len(found))
    return mean(samples) * 1e6


def scheduling(pods: int, extra_nodes: int) -> float:
    """Pods that the scheduler binds in a CPU second, with their events."""
    cluster, store, _ = make_cluster(extra_nodes)
    spec = deployment(1)["spec"]["template"]["spec"]
    for number in range(pods):
        metadata = {"name": f"web-{number}", "namespace": "bench", "labels": {"app": "web"}}
        store.create("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}})
    began = time.process_time()
    for number in range(pods):
        cluster.scheduler.reconcile(("bench", f"web-{number}"))
    return pods / (time.process_time() - began)


def main() -> None:
    """Print the table."""
    table = Table(
        "pods", "nodes", "to ready", "pods/s", "to nothing", "metrics of a pod", title="controllers, in virtual time"
    )
    for pods, extra in SIZES:
        up, down, of_metrics = measure(pods, extra)
        table.add_row(
            f"{pods:,}", str(24 + extra), f"{up:.2f} s", f"{pods / up:,.0f}", f"{down:.2f} s", f"{of_metrics:.1f} µs"
        )
    show(table)
    note(f"scheduler alone, 1,000 nodes: {scheduling(1_000, 976):,.0f} pods a CPU second")
    held, left = memory(1_000, 0)
    note(f"memory: {held:.1f} kB a pod and its events, {left:.1f} kB without old changes in the watch log")


if __name__ == "__main__":
    main()

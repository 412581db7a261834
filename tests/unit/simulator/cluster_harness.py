"""A cluster with all its controllers for tests. Its clock is stepped, so that no test waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.simulator.clock import Clock
from services.simulator.controllers.virtual_cluster import VirtualCluster
from services.simulator.storage.store import Store
from shared.kube.objects import Obj, condition, is_ready, is_terminating

START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
NAMESPACE = "shop"
DEPLOYMENTS, REPLICA_SETS = "deployments.apps", "replicasets.apps"


class ClusterHarness:
    """The cluster `demo` with the namespace `shop`, and short methods to read and change it."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = Clock(START)
        self.store = Store(self.clock.now)
        self.cluster = VirtualCluster("demo", self.store, self.clock, seed)
        self.cluster.start()
        self.store.create("namespaces", namespace(NAMESPACE))
        self.step(0)

    def step(self, seconds: float) -> None:
        self.clock.step(seconds)

    def until(self, holds: Callable[[], bool], limit: float = 120.0) -> float:
        """Step until `holds` is true; returns the virtual seconds that it took, and fails after `limit` of them."""
        passed = 0.0
        while not holds():
            assert passed < limit, f"not reached within {limit} virtual seconds"
            self.step(0.25)
            passed += 0.25
        return passed

    def add(self, resource: str, obj: Obj) -> Obj:
        return self.store.create(resource, obj)

    def change(self, resource: str, name: str, **spec: Any) -> Obj:
        """Replace fields of an object's spec, as an API write would."""
        found = self.get(resource, name)
        return self.store.replace(resource, {**found, "spec": {**found["spec"], **spec}})

    def get(self, resource: str, name: str) -> Obj:
        found = self.store.get(resource, NAMESPACE, name)
        assert found is not None, f"no {resource} {name}"
        return found

    def pods(self, app: str | None = None) -> list[Obj]:
        found = self.store.list("pods", NAMESPACE)
        return [pod for pod in found if app is None or (pod["metadata"].get("labels") or {}).get("app") == app]

    def serving(self, app: str | None = None) -> list[Obj]:
        return [pod for pod in self.pods(app) if is_ready(pod) and not is_terminating(pod)]

    def sets(self) -> list[Obj]:
        return self.store.list(REPLICA_SETS, NAMESPACE)

    def sizes(self) -> list[int]:
        return sorted(one["spec"]["replicas"] for one in self.sets())

    def namespace(self, name: str, **labels: str) -> Obj:
        """Another namespace."""
        return self.store.create("namespaces", namespace(name, **labels))

    def reason(self, name: str, kind: str = "Progressing") -> str:
        found = condition(self.get(DEPLOYMENTS, name), kind)
        return found["reason"] if found else ""

    def is_rolled_out(self, name: str) -> bool:
        deployment = self.get(DEPLOYMENTS, name)
        status, replicas = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        return (
            status.get("observedGeneration") == deployment["metadata"]["generation"]
            and all(status.get(count, 0) == replicas for count in counts)
            and self.reason(name) == "NewReplicaSetAvailable"
        )

    def events(self, reason: str) -> list[Obj]:
        return [event for event in self.store.list("events", NAMESPACE) if event["reason"] == reason]


def namespace(name: str, **labels: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def deployment(name: str = "web", replicas: int = 3, **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name),
            **spec,
        },
    }


def template(
    app: str = "web", image: str = "example/web:1", annotations: dict[str, str] | None = None, **spec: Any
) -> Obj:
    metadata = {"labels": {"app": app}} | ({"annotations": annotations} if annotations else {})
    return {"metadata": metadata, "spec": {"containers": [container(image=image)], **spec}}


def container(
    image: str = "example/web:1", cpu: str = "500m", memory: str = "256Mi", gpus: int = 0, **fields: Any
) -> Obj:
    requests = {"cpu": cpu, "memory": memory} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "name": "main",
        "image": image,
        "resources": {"requests": requests, "limits": limits},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        **fields,
    }


def gpu_spec(gpus: int = 1) -> Obj:
    return {
        "containers": [container(gpus=gpus, cpu="3", memory="6Gi")],
        "nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    }


def pod(name: str = "one", spec: Obj | None = None, labels: dict[str, str] | None = None) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels or {}},
        "spec": spec or {"containers": [container()]},
        "status": {"phase": "Pending"},
    }

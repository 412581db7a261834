"""Kubernetes objects for tests of `shared.sla`."""

from typing import Any

NAMESPACE = "ecp-ai-acme"
LABELS = {"ecp.ai/tenant": "acme"}
Object = dict[str, Any]


def metadata(name: str, **fields: Any) -> Object:
    return {"name": name, "namespace": NAMESPACE, "labels": {"app": name, **LABELS}, **fields}


def deployment(name: str = "callbot", replicas: int | None = 2, needed: int | None = None, **fields: Any) -> Object:
    """One that was rolled out long ago."""
    done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    annotations = {"annotations": {"ecp.ai/needed-replicas": str(needed)}} if needed is not None else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name, **annotations, **fields),
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name, **LABELS}}},
        },
        "status": {"conditions": [done]},
    }


def stateful_set(name: str = "redis", replicas: int = 1, **fields: Any) -> Object:
    made = deployment(name, replicas, **fields)
    return {**made, "kind": "StatefulSet", "spec": {**made["spec"], "serviceName": name}, "status": {}}


def listed(obj: Object) -> Object:
    """As the API server has it in a list: without its kind."""
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}


def autoscaler(name: str = "callbot", floor: int = 3) -> Object:
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name),
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": floor},
    }


def budget(name: str = "callbot", **spec: Any) -> Object:
    selector = {"matchLabels": {"app": name}}
    return {"kind": "PodDisruptionBudget", "metadata": metadata(name), "spec": {"selector": selector, **spec}}


def pods(name: str = "callbot", *, ready: int = 0, unknown: int = 0, unready: int = 0) -> list[Object]:
    states = ["True"] * ready + ["Unknown"] * unknown + ["False"] * unready
    return [
        {
            "metadata": {**metadata(f"{name}-{number}"), "labels": {"app": name, **LABELS}},
            "spec": {"containers": []},
            "status": {"conditions": [{"type": "Ready", "status": state}]},
        }
        for number, state in enumerate(states)
    ]

"""A manifest as linters look at it: workloads with their pods, and what belongs to them."""

from collections.abc import Iterator
from typing import Any

from shared.kube.objects import Obj
from shared.kube.quantities import parse

WORKLOADS = ("Deployment", "StatefulSet")


class Manifest:
    """Rendered objects, with the questions that checks ask."""

    def __init__(self, objects: list[Obj]) -> None:
        self.objects = objects

    def kind(self, *kinds: str) -> list[Obj]:
        return [each for each in self.objects if each["kind"] in kinds]

    def named(self, kind: str, name: str) -> Obj | None:
        """There is one namespace, so a name is enough."""
        return next((each for each in self.kind(kind) if each["metadata"]["name"] == name), None)

    def workloads(self) -> list[Obj]:
        return self.kind(*WORKLOADS)

    def containers(self) -> Iterator[tuple[Obj, Obj]]:
        """Each container with its pod's spec."""
        for workload in self.workloads():
            pod = pod_of(workload)
            for container in [*pod["containers"], *pod.get("initContainers", ())]:
                yield pod, container

    def selecting(self, kind: str, labels: dict[str, str]) -> list[Obj]:
        """Objects of a kind (PodDisruptionBudget, NetworkPolicy, Service) that select pods with these labels."""
        return [each for each in self.kind(kind) if selects(_selector(each), labels)]

    def scaler(self, workload: Obj) -> Obj | None:
        wanted = (workload["kind"], workload["metadata"]["name"])
        targets = [(each, each["spec"]["scaleTargetRef"]) for each in self.kind("HorizontalPodAutoscaler")]
        return next((each for each, target in targets if (target["kind"], target["name"]) == wanted), None)

    def replicas(self, workload: Obj) -> int:
        scaler = self.scaler(workload)
        return int(scaler["spec"]["minReplicas"] if scaler else workload["spec"].get("replicas", 1))


def pod_of(workload: Obj) -> Obj:
    spec: Obj = workload["spec"]["template"]["spec"]
    return spec


def labels_of(workload: Obj) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Compare `matchLabels` alone: our manifests use no expressions for pods."""
    return dict(selector or {}).items() <= labels.items()


def stated(container: Obj, kind: str, name: str) -> bool:
    """Whether requests or limits have more than nothing of a resource."""
    return parse(container.get("resources", {}).get(kind, {}).get(name, "0")) > 0


def effective(pod: Obj, container: Obj, name: str) -> Any:
    """A field of the security context: the container's, else the pod's."""
    return container.get("securityContext", {}).get(name, pod.get("securityContext", {}).get(name))


def _selector(obj: Obj) -> Any:
    spec = obj["spec"]
    if obj["kind"] == "Service":
        return spec["selector"]
    return (spec["podSelector"] if obj["kind"] == "NetworkPolicy" else spec["selector"]).get("matchLabels")

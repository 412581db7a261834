"""The workloads of a namespace, reduced to what a tenant can choose for a service. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from services.deployer.cluster.manifest_objects import AUTOSCALER
from shared.kube.labels import TENANT
from shared.kube.objects import Obj
from shared.rpc import FoundWorkload

_SERVING = frozenset({"Deployment", "StatefulSet"})
_MOST = 100
"""Workloads in an answer."""


def found_workloads(contents: Iterable[Obj]) -> Iterator[FoundWorkload]:
    """Each Deployment and StatefulSet that no controller owns, with its autoscaler."""
    contents = list(contents)
    scalers = {_target(each): each for each in contents if each["kind"] == AUTOSCALER}
    serving = [each for each in contents if each["kind"] in _SERVING and not each["metadata"].get("ownerReferences")]
    for workload in sorted(serving, key=lambda each: str(each["metadata"]["name"]))[:_MOST]:
        yield _found(workload, scalers.get((workload["kind"], workload["metadata"]["name"])))


def _found(workload: Obj, scaler: Obj | None) -> FoundWorkload:
    name, template = workload["metadata"]["name"], workload["spec"]["template"]
    container = _serving(template["spec"]["containers"], name)
    resources = container.get("resources") or {}
    scaling = scaler["spec"] if scaler is not None else {}
    ports = container.get("ports") or [{}]
    return FoundWorkload(
        kind=workload["kind"],
        name=name,
        replicas=int(scaling.get("minReplicas", 1) if scaler else workload["spec"].get("replicas", 1)),
        max_replicas=scaling.get("maxReplicas"),
        target_cpu_percent=_cpu_target(scaling),
        image=container["image"],
        environment={
            each["name"]: each.get("value", "") for each in container.get("env") or () if "valueFrom" not in each
        },
        requests=_texts(resources.get("requests")),
        limits=_texts(resources.get("limits")),
        port=ports[0].get("containerPort"),
        is_labelled=TENANT in ((template.get("metadata") or {}).get("labels") or {}),
    )


def _serving(containers: list[Obj], name: str) -> Obj:
    """The container with the workload's name, else the first one: a sidecar may come before it."""
    return next((each for each in containers if each["name"] == name), containers[0])


def _target(scaler: Obj) -> tuple[str, str]:
    target = scaler["spec"]["scaleTargetRef"]
    return target["kind"], target["name"]


def _cpu_target(scaling: Obj) -> int | None:
    for metric in scaling.get("metrics") or ():
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            found: int | None = (resource.get("target") or {}).get("averageUtilization")
            return found
    return None


def _texts(amounts: Any) -> dict[str, str]:
    return {name: str(value) for name, value in (amounts or {}).items()}

"""Checks workloads: resources, probes, autoscalers and disruption budgets."""

from typing import Any

from services.manifest.validation.findings import FindingCollector
from services.manifest.validation.manifest import Container, Manifest, ManifestObject, Pods

_SHORTEST_STARTUP_SECONDS = 30
"""The documented minimum before a liveness probe may restart a container."""
_ONCE = frozenset({"Job", "CronJob", "Pod"})


def check_workloads(manifest: Manifest, findings: FindingCollector) -> None:
    """Check the containers, autoscalers and disruption budgets of all workloads."""
    for pods in manifest.pods:
        for container in pods.containers:
            _check_resources(pods, container, findings)
            _check_variables(pods, container, findings)
            if not container.initial and pods.item.kind not in _ONCE:
                _check_probes(pods, container, findings)
            for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                _check_probe_port(pods, container, probe, findings)
    for scaler in manifest.of_kind("HorizontalPodAutoscaler"):
        _check_scaler(scaler, manifest, findings)
    for budget in manifest.of_kind("PodDisruptionBudget"):
        _check_budget(budget, manifest, findings)


def least_replicas(pods: Pods, manifest: Manifest) -> int:
    """The lowest number of replicas: the autoscaler's minimum, if there is one."""
    scaler = manifest.scaler(pods.item)
    return int((scaler.value.get("spec") or {}).get("minReplicas") or 1) if scaler else pods.replicas


def most_replicas(pods: Pods, manifest: Manifest) -> int:
    """The highest number of replicas: the autoscaler's maximum, if there is one."""
    scaler = manifest.scaler(pods.item)
    return int((scaler.value.get("spec") or {}).get("maxReplicas") or 1) if scaler else pods.replicas


def _check_resources(pods: Pods, container: Container, findings: FindingCollector) -> None:
    resources = container.value.get("resources") or {}
    limits = resources.get("limits") or {}
    requests = {**limits, **(resources.get("requests") or {})}
    missing = [f"{name} request" for name in ("cpu", "memory") if name not in requests]
    missing += ["memory limit"] if "memory" not in limits else []
    if missing:
        pointer = (*container.pointer, "resources")
        findings.add("RESOURCES_MISSING", pods.item, pointer, container=container.name, missing=", ".join(missing))


def _check_variables(pods: Pods, container: Container, findings: FindingCollector) -> None:
    seen: set[str] = set()
    for index, variable in enumerate(container.value.get("env") or ()):
        name = str(variable.get("name"))
        if name in seen:
            pointer = (*container.pointer, "env", index)
            findings.add("VARIABLE_DUPLICATE", pods.item, pointer, container=container.name, name=name)
        seen.add(name)


def _check_probes(pods: Pods, container: Container, findings: FindingCollector) -> None:
    value, name = container.value, container.name
    for probe in ("livenessProbe", "readinessProbe"):
        if not value.get(probe):
            findings.add("PROBE_MISSING", pods.item, container.pointer, container=name, probe=probe)
    alive, ready = value.get("livenessProbe"), value.get("readinessProbe")
    if alive and ready and _handler(alive) == _handler(ready):
        findings.add("PROBES_IDENTICAL", pods.item, (*container.pointer, "livenessProbe"), container=name)
    if alive and not value.get("startupProbe"):
        seconds = alive.get("initialDelaySeconds", 0) + alive.get("periodSeconds", 10) * alive.get(
            "failureThreshold", 3
        )
        if seconds < _SHORTEST_STARTUP_SECONDS:
            pointer = (*container.pointer, "livenessProbe")
            findings.add("PROBE_IMPATIENT", pods.item, pointer, container=name, seconds=str(seconds))
    for probe in ("livenessProbe", "readinessProbe"):
        found = value.get(probe) or {}
        timeout, period = found.get("timeoutSeconds", 1), found.get("periodSeconds", 10)
        if timeout > period:
            findings.add(
                "PROBE_TIMEOUT", pods.item, (*container.pointer, probe), container=name, probe=probe,
                timeout=str(timeout), period=str(period),
            )  # fmt: skip


def _check_probe_port(pods: Pods, container: Container, name: str, findings: FindingCollector) -> None:
    probe = container.value.get(name) or {}
    ports = [p for port in container.value.get("ports") or () for p in (port.get("containerPort"), port.get("name"))]
    for handler in ("httpGet", "tcpSocket", "grpc"):
        port = (probe.get(handler) or {}).get("port")
        undeclared = bool(ports) or isinstance(port, str)
        if port is not None and undeclared and port not in ports:
            findings.add("PORT_NOT_FOUND", pods.item, (*container.pointer, name, handler, "port"), port=str(port))


def _handler(probe: Any) -> list[Any]:
    return [probe.get(name) for name in ("httpGet", "tcpSocket", "exec", "grpc")]


def _check_scaler(scaler: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    spec = scaler.value.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    wanted = (target.get("kind"), target.get("name"), scaler.namespace)
    pods = next((p for p in manifest.pods if (p.item.kind, p.item.name, p.item.namespace) == wanted), None)
    for index, metric in enumerate(spec.get("metrics") or () if pods else ()):
        source = metric.get("resource") or {}
        if (source.get("target") or {}).get("type") != "Utilization" or pods is None:
            continue
        for container in pods.containers:
            resources = container.value.get("resources") or {}
            given = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
            if not container.initial and source.get("name") not in given:
                findings.add(
                    "SCALER_WITHOUT_REQUESTS", scaler, ("spec", "metrics", index), resource=str(source.get("name")),
                    container=container.name,
                )  # fmt: skip


def _check_budget(budget: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    spec = budget.value.get("spec") or {}
    for pods in manifest.selected(budget.namespace, spec.get("selector")):
        replicas = least_replicas(pods, manifest)
        if _allowed(spec, replicas) < 1:
            name = "minAvailable" if "minAvailable" in spec else "maxUnavailable"
            findings.add("BUDGET_BLOCKS", budget, ("spec", name), replicas=str(replicas))


def _allowed(spec: Any, replicas: int) -> int:
    """Allowed evictions with all replicas ready; Kubernetes rounds percentages up for both fields."""
    if "maxUnavailable" in spec:
        return _share(spec["maxUnavailable"], replicas)
    return replicas - _share(spec["minAvailable"], replicas) if "minAvailable" in spec else 1


def _share(value: Any, replicas: int) -> int:
    if isinstance(value, str):
        digits = value.removesuffix("%")
        return -(-int(digits) * replicas // 100) if digits.isdecimal() and len(digits) < 10 else 1
    return int(value)

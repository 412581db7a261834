"""kube-score's 33 default checks and one more, each a function that yields what it finds; named by their ids.

After what the tool does (zegl/kube-score, score/), rewritten for our manifests. Where it lets something pass that
ours has, such as the budget of a StatefulSet with one replica, these ask for it nevertheless.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from .cluster_view import Manifest, effective, labels_of, pod_of, selects, stated

Check = Callable[[Manifest], Iterator[str]]
CHECKS: dict[str, Check] = {}
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_HIGH_ID = 10_000


def check(name: str) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


@check("ingress-targets-service")
def ingress_targets_service(m: Manifest) -> Iterator[str]:
    for ingress in m.kind("Ingress"):
        for path in (path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]):
            backend = path["backend"]["service"]
            service = m.named("Service", backend["name"])
            ports = [port["port"] for port in service["spec"]["ports"]] if service else []
            if backend["port"]["number"] not in ports:
                yield f"{path['path']} leads nowhere"


@check("cronjob-has-deadline")
def cronjob_has_deadline(m: Manifest) -> Iterator[str]:
    yield from (each["metadata"]["name"] for each in m.kind("CronJob") if "startingDeadlineSeconds" not in each["spec"])


@check("cronjob-restartpolicy")
def cronjob_restartpolicy(m: Manifest) -> Iterator[str]:
    for each in m.kind("CronJob"):
        if each["spec"]["jobTemplate"]["spec"]["template"]["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
            yield each["metadata"]["name"]


@check("container-resources")
def container_resources(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        for kind in ("requests", "limits"):
            if not all(stated(container, kind, name) for name in ("cpu", "memory")):
                yield f"{container['name']}: {kind}"


@check("container-image-tag")
def container_image_tag(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        _, colon, tag = container["image"].rpartition(":")
        if not colon or tag in {"", "latest"} or "/" in tag:
            yield container["image"]


@check("container-image-pull-policy")
def container_image_pull_policy(m: Manifest) -> Iterator[str]:
    yield from (c["name"] for _, c in m.containers() if c.get("imagePullPolicy") != "Always")


@check("container-ephemeral-storage-request-and-limit")
def container_ephemeral_storage(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        if not all(stated(container, kind, "ephemeral-storage") for kind in ("requests", "limits")):
            yield container["name"]


@check("environment-variable-key-duplication")
def environment_variable_key_duplication(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        names = [each["name"] for each in container.get("env", ())]
        if len(names) != len(set(names)):
            yield container["name"]


@check("container-security-context-user-group-id")
def container_user_group_id(m: Manifest) -> Iterator[str]:
    for pod, container in m.containers():
        if any((effective(pod, container, who) or 0) < _HIGH_ID for who in ("runAsUser", "runAsGroup")):
            yield container["name"]


@check("container-security-context-privileged")
def container_privileged(m: Manifest) -> Iterator[str]:
    yield from (c["name"] for _, c in m.containers() if c["securityContext"].get("privileged"))


@check("container-security-context-readonlyrootfilesystem")
def container_read_only(m: Manifest) -> Iterator[str]:
    yield from (c["name"] for _, c in m.containers() if not c["securityContext"].get("readOnlyRootFilesystem"))


@check("container-seccomp-profile")
def container_seccomp_profile(m: Manifest) -> Iterator[str]:
    yield from (c["name"] for pod, c in m.containers() if not effective(pod, c, "seccompProfile"))


@check("pod-networkpolicy")
def pod_networkpolicy(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        policies = m.selecting("NetworkPolicy", labels_of(workload))
        kinds = {kind for policy in policies for kind in policy["spec"]["policyTypes"]}
        if kinds != {"Ingress", "Egress"}:
            yield workload["metadata"]["name"]


@check("networkpolicy-targets-pod")
def networkpolicy_targets_pod(m: Manifest) -> Iterator[str]:
    for policy in m.kind("NetworkPolicy"):
        wanted = policy["spec"]["podSelector"].get("matchLabels")
        if not any(selects(wanted, labels_of(workload)) for workload in m.workloads()):
            yield policy["metadata"]["name"]


@check("pod-probes")
def pod_probes(m: Manifest) -> Iterator[str]:
    yield from (c["name"] for _, c in m.containers() if "readinessProbe" not in c or "livenessProbe" not in c)


@check("pod-probes-identical")
def pod_probes_identical(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        if _asks(container.get("readinessProbe", {})) == _asks(container.get("livenessProbe", {})):
            yield container["name"]


def _asks(probe: Any) -> list[Any]:
    """Of HTTP the path and the port alone: another header makes no other probe."""
    http = probe.get("httpGet") or {}
    return [http.get("path"), http.get("port"), *(probe.get(name) for name in ("tcpSocket", "exec", "grpc"))]


@check("pod-topology-spread-constraints")
def pod_topology_spread(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        rules = pod_of(workload).get("topologySpreadConstraints") or ()
        if not rules or not all(_spreads(rule, labels_of(workload)) for rule in rules):
            yield workload["metadata"]["name"]


def _spreads(rule: Any, labels: dict[str, str]) -> bool:
    selector = (rule.get("labelSelector") or {}).get("matchLabels")
    decides = rule.get("whenUnsatisfiable") in ("DoNotSchedule", "ScheduleAnyway")
    whole = rule.get("maxSkew", 0) > 0 and rule.get("minDomains") != 0 and bool(rule.get("topologyKey"))
    return bool(selector) and selects(selector, labels) and decides and whole


@check("service-targets-pod")
def service_targets_pod(m: Manifest) -> Iterator[str]:
    for service in m.kind("Service"):
        if not any(selects(service["spec"]["selector"], labels_of(each)) for each in m.workloads()):
            yield service["metadata"]["name"]


@check("service-type")
def service_type(m: Manifest) -> Iterator[str]:
    yield from (s["metadata"]["name"] for s in m.kind("Service") if s["spec"].get("type") == "NodePort")


@check("stable-version")
def stable_version(m: Manifest) -> Iterator[str]:
    yield from (each["apiVersion"] for each in m.objects if re.search(r"v\d+(alpha|beta)\d+$", each["apiVersion"]))


@check("label-values")
def label_values(m: Manifest) -> Iterator[str]:
    for each in m.objects:
        for key, value in each["metadata"]["labels"].items():
            if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
                yield f"{key}={value}"


@check("deployment-has-poddisruptionbudget")
def deployment_has_budget(m: Manifest) -> Iterator[str]:
    yield from _without_budget(m, "Deployment")


@check("statefulset-has-poddisruptionbudget")
def stateful_set_has_budget(m: Manifest) -> Iterator[str]:
    yield from _without_budget(m, "StatefulSet")


def _without_budget(m: Manifest, kind: str) -> Iterator[str]:
    for workload in m.kind(kind):
        if len(m.selecting("PodDisruptionBudget", labels_of(workload))) != 1:
            yield workload["metadata"]["name"]


@check("poddisruptionbudget-has-policy")
def budget_has_policy(m: Manifest) -> Iterator[str]:
    for budget in m.kind("PodDisruptionBudget"):
        if not {"minAvailable", "maxUnavailable"} & budget["spec"].keys():
            yield budget["metadata"]["name"]


@check("deployment-has-host-podantiaffinity")
def deployment_anti_affinity(m: Manifest) -> Iterator[str]:
    yield from _on_one_host(m, "Deployment")


@check("statefulset-has-host-podantiaffinity")
def stateful_set_anti_affinity(m: Manifest) -> Iterator[str]:
    yield from _on_one_host(m, "StatefulSet")


def _on_one_host(m: Manifest, kind: str) -> Iterator[str]:
    for workload in m.kind(kind):
        rules: dict[str, Any] = pod_of(workload).get("affinity", {}).get("podAntiAffinity", {})
        terms = [w["podAffinityTerm"] for w in rules.get("preferredDuringSchedulingIgnoredDuringExecution", ())]
        if not any(
            term["topologyKey"] == "kubernetes.io/hostname"
            and selects(term["labelSelector"]["matchLabels"], labels_of(workload))
            for term in terms
        ):
            yield workload["metadata"]["name"]


@check("deployment-targeted-by-hpa-does-not-have-replicas-configured")
def hpa_or_replicas(m: Manifest) -> Iterator[str]:
    yield from (d["metadata"]["name"] for d in m.kind("Deployment") if m.scaler(d) and "replicas" in d["spec"])


@check("statefulset-has-servicename")
def stateful_set_service_name(m: Manifest) -> Iterator[str]:
    for workload in m.kind("StatefulSet"):
        service = m.named("Service", workload["spec"]["serviceName"])
        headless = service is not None and service["spec"].get("clusterIP") == "None"
        if not headless or not selects((service or {})["spec"]["selector"], labels_of(workload)):
            yield workload["metadata"]["name"]


@check("deployment-pod-selector-labels-match-template-metadata-labels")
def deployment_selector(m: Manifest) -> Iterator[str]:
    yield from _unselected(m, "Deployment")


@check("statefulset-pod-selector-labels-match-template-metadata-labels")
def stateful_set_selector(m: Manifest) -> Iterator[str]:
    yield from _unselected(m, "StatefulSet")


def _unselected(m: Manifest, kind: str) -> Iterator[str]:
    for workload in m.kind(kind):
        if not selects(workload["spec"]["selector"]["matchLabels"], labels_of(workload)):
            yield workload["metadata"]["name"]


@check("horizontalpodautoscaler-has-target")
def hpa_has_target(m: Manifest) -> Iterator[str]:
    for scaler in m.kind("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found = m.named(target["kind"], target["name"])
        if found is None or found["apiVersion"] != target["apiVersion"]:
            yield scaler["metadata"]["name"]


@check("horizontalpodautoscaler-replicas")
def hpa_replicas(m: Manifest) -> Iterator[str]:
    yield from (h["metadata"]["name"] for h in m.kind("HorizontalPodAutoscaler") if h["spec"]["minReplicas"] < 2)


@check("deployment-strategy")
def deployment_strategy(m: Manifest) -> Iterator[str]:
    yield from (d["metadata"]["name"] for d in m.kind("Deployment") if d["spec"]["strategy"]["type"] != "RollingUpdate")


@check("deployment-replicas")
def deployment_replicas(m: Manifest) -> Iterator[str]:
    yield from (d["metadata"]["name"] for d in m.kind("Deployment") if m.replicas(d) < 2)

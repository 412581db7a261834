"""What Polaris checks by default beyond kube-score and kube-linter; named as in its configuration.

From FairwindsOps/polaris, pkg/config/default.yaml and pkg/config/checks, rewritten for our manifests.
"""

import re
from collections.abc import Callable, Iterator

from .cluster_view import Manifest, labels_of, pod_of

Check = Callable[[Manifest], Iterator[str]]
_SENSITIVE = re.compile(
    r"(?i)(password|token|bearer|secret|^azure_.+key$|^google_application_credentials$|^oci_cli_key_content$)"
)
_PRIVATE_KEY = re.compile(r"(?i)-BEGIN\s+.*PRIVATE KEY-")


def _priority_class(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        if m.named("PriorityClass", pod_of(workload).get("priorityClassName", "")) is None:
            yield workload["metadata"]["name"]


def _token(m: Manifest) -> Iterator[str]:
    mounting = [w["metadata"]["name"] for w in m.workloads() if pod_of(w).get("automountServiceAccountToken", True)]
    yield from mounting
    yield from (a["metadata"]["name"] for a in m.kind("ServiceAccount") if a.get("automountServiceAccountToken", True))


def _tls(m: Manifest) -> Iterator[str]:
    for ingress in m.kind("Ingress"):
        covered = {host for tls in ingress["spec"].get("tls", ()) for host in tls["hosts"]}
        if not {rule["host"] for rule in ingress["spec"]["rules"]} <= covered:
            yield ingress["metadata"]["name"]


def _budget_and_scaler(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        scaler = m.scaler(workload)
        for budget in m.selecting("PodDisruptionBudget", labels_of(workload)):
            least = budget["spec"].get("minAvailable", 0)
            if scaler and isinstance(least, int) and least >= scaler["spec"]["minReplicas"]:
                yield budget["metadata"]["name"]


def _scaler_has_room(m: Manifest) -> Iterator[str]:
    for scaler in m.kind("HorizontalPodAutoscaler"):
        if scaler["spec"]["maxReplicas"] <= scaler["spec"]["minReplicas"]:
            yield scaler["metadata"]["name"]


def _replicas(m: Manifest) -> Iterator[str]:
    for workload in m.kind("Deployment"):
        exempt = (
            workload["metadata"].get("annotations", {}).get("polaris.fairwinds.com/deploymentMissingReplicas-exempt")
        )
        if workload["spec"].get("replicas", 0) < 2 and not (exempt == "true" and m.scaler(workload)):
            yield workload["metadata"]["name"]


def _instance(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        if workload["metadata"]["labels"].get("app.kubernetes.io/instance") != workload["metadata"]["name"]:
            yield workload["metadata"]["name"]


def _network_policy(m: Manifest) -> Iterator[str]:
    """One that names the pods by exactly one of their labels, and has rules for both directions."""
    for workload in m.workloads():
        found = [p["spec"] for p in m.selecting("NetworkPolicy", labels_of(workload)) if p["spec"]["podSelector"]]
        if not any(len(s["podSelector"]["matchLabels"]) == 1 and s.get("egress") and s.get("ingress") for s in found):
            yield workload["metadata"]["name"]


def _host_ports(m: Manifest) -> Iterator[str]:
    yield from (c["name"] for _, c in m.containers() for port in c.get("ports", ()) if "hostPort" in port)


def _host_paths(m: Manifest) -> Iterator[str]:
    yield from (w["metadata"]["name"] for w in m.workloads() for v in pod_of(w).get("volumes", ()) if "hostPath" in v)


def _capabilities(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        capabilities = container["securityContext"].get("capabilities", {})
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            yield container["name"]


def _proc_mount(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        context = container["securityContext"]
        if context.get("procMount", "Default") != "Default" or context.get("windowsOptions", {}).get("hostProcess"):
            yield container["name"]


def _secret_variables(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        for variable in container.get("env", ()):
            value = variable.get("value", "")
            if value and (_SENSITIVE.search(variable["name"]) or _PRIVATE_KEY.search(value)):
                yield variable["name"]


def _secret_configuration(m: Manifest) -> Iterator[str]:
    for each in m.kind("ConfigMap"):
        yield from (key for key, value in each["data"].items() if _SENSITIVE.search(key) or _PRIVATE_KEY.search(value))


def _roles(m: Manifest) -> Iterator[str]:
    yield from (e["kind"] for e in m.kind("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"))


CHECKS: dict[str, Check] = {
    "priorityClassNotSet": _priority_class,
    "automountServiceAccountToken": _token,
    "tlsSettingsMissing": _tls,
    "pdbMinAvailableGreaterThanHPAMinReplicas": _budget_and_scaler,
    "hpaMaxAvailability": _scaler_has_room,
    "deploymentMissingReplicas": _replicas,
    "metadataAndInstanceMismatched": _instance,
    "missingNetworkPolicy": _network_policy,
    "hostPortSet": _host_ports,
    "hostPathSet": _host_paths,
    "insecureCapabilities": _capabilities,
    "hostProcess / procMount": _proc_mount,
    "sensitiveContainerEnvVar": _secret_variables,
    "sensitiveConfigmapContent": _secret_configuration,
    "rolesWithExecOrWildcards": _roles,
}

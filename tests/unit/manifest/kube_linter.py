"""kube-linter's default checks, each a function that yields what it finds; named as in its documentation.

After what the tool does (stackrox/kube-linter, internal/defaultchecks and pkg/templates), rewritten for our manifests.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from shared.kube.semantics.names import port_name_faults

from . import kube_score
from .cluster_view import Manifest, effective, pod_of, stated

Check = Callable[[Manifest], Iterator[str]]
_SENSITIVE_PATHS = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/var/run/docker.sock")
_UNSAFE_SYSCTLS = ("kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.", "net.")


def _named(m: Manifest, wrong: Callable[[Any], bool]) -> Iterator[str]:
    """Containers that are wrong."""
    yield from (container["name"] for _, container in m.containers() if wrong(container))


def _pods(m: Manifest, wrong: Callable[[Any], bool]) -> Iterator[str]:
    """Workloads whose pods are wrong."""
    yield from (each["metadata"]["name"] for each in m.workloads() if wrong(pod_of(each)))


def _budgets(m: Manifest, wrong: Callable[[Any], bool]) -> Iterator[str]:
    yield from (each["metadata"]["name"] for each in m.kind("PodDisruptionBudget") if wrong(each["spec"]))


def _ports(container: Any) -> set[int | str]:
    """TCP alone is probed."""
    listed = [port for port in container.get("ports", ()) if port.get("protocol", "TCP") == "TCP"]
    return {port["containerPort"] for port in listed} | {port["name"] for port in listed if "name" in port}


def _probe_port(name: str) -> Check:
    def check(m: Manifest) -> Iterator[str]:
        for _, container in m.containers():
            probe = container.get(name, {})
            asked = [probe[handler].get("port") for handler in ("httpGet", "tcpSocket", "grpc") if handler in probe]
            if set(asked) - _ports(container):
                yield container["name"]

    return check


def _host_paths(m: Manifest, wrong: Callable[[str], bool]) -> Iterator[str]:
    for workload in m.workloads():
        for volume in pod_of(workload).get("volumes", ()):
            if "hostPath" in volume and wrong(volume["hostPath"]["path"]):
                yield f"{workload['metadata']['name']}: {volume['name']}"


def _drops_net_raw(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        capabilities = container["securityContext"].get("capabilities", {})
        if not {"ALL", "NET_RAW"} & set(capabilities.get("drop", ())) or "NET_RAW" in capabilities.get("add", ()):
            yield container["name"]


def _privilege_escalation(m: Manifest) -> Iterator[str]:
    """The tool accepts missing fields; here they have to be refused explicitly."""
    for _, container in m.containers():
        context = container["securityContext"]
        added = context.get("capabilities", {}).get("add", ())
        if context.get("allowPrivilegeEscalation", True) or context.get("privileged") or "SYS_ADMIN" in added:
            yield container["name"]


def _latest_tag(m: Manifest) -> Iterator[str]:
    blocked = (".*:(latest)$", "^[^:]*$", "(.*/[^:]+)$")
    yield from (c["image"] for _, c in m.containers() if any(re.search(each, c["image"]) for each in blocked))


def _env_var_secret(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        for variable in container.get("env", ()):
            if re.search("secret", variable["name"], re.IGNORECASE) and variable.get("value"):
                yield variable["name"]


def _invalid_target_ports(m: Manifest) -> Iterator[str]:
    for _, container in m.containers():
        names = [port["name"] for port in container.get("ports", ()) if "name" in port]
        yield from (name for name in names if port_name_faults(name))
    for service in m.kind("Service"):
        for port in service["spec"]["ports"]:
            target = port["targetPort"]
            named = isinstance(target, str) and port_name_faults(target)
            if named or (isinstance(target, int) and not 1 <= target <= 65535):
                yield service["metadata"]["name"]


def _non_existent_service_account(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        account = pod_of(workload).get("serviceAccountName", "default")
        if account != "default" and m.named("ServiceAccount", account) is None:
            yield account


def _run_as_non_root(m: Manifest) -> Iterator[str]:
    for pod, container in m.containers():
        is_root = 0 in (effective(pod, container, "runAsUser"), effective(pod, container, "runAsGroup"))
        if is_root or effective(pod, container, "runAsNonRoot") is not True:
            yield container["name"]


def _pdb_min_available(m: Manifest) -> Iterator[str]:
    for workload in m.workloads():
        labels = workload["spec"]["template"]["metadata"]["labels"]
        for budget in m.selecting("PodDisruptionBudget", labels):
            least = budget["spec"].get("minAvailable", 0)
            if least == "100%" or (isinstance(least, int) and least >= m.replicas(workload)):
                yield budget["metadata"]["name"]


def _mismatching_selector(m: Manifest) -> Iterator[str]:
    for name in ("deployment", "statefulset"):
        yield from kube_score.CHECKS[f"{name}-pod-selector-labels-match-template-metadata-labels"](m)


def _no_anti_affinity(m: Manifest) -> Iterator[str]:
    for name in ("deployment", "statefulset"):
        yield from kube_score.CHECKS[f"{name}-has-host-podantiaffinity"](m)


def _job_ttl(m: Manifest) -> Iterator[str]:
    yield from (j["metadata"]["name"] for j in m.kind("Job") if "ttlSecondsAfterFinished" not in j["spec"])
    for each in m.kind("CronJob"):
        if "ttlSecondsAfterFinished" in each["spec"]["jobTemplate"]["spec"]:
            yield each["metadata"]["name"]


def _sysctls(pod: Any) -> bool:
    listed = pod.get("securityContext", {}).get("sysctls", ())
    return any(each["name"].startswith(_UNSAFE_SYSCTLS) for each in listed)


CHECKS: dict[str, Check] = {
    "dangling-service": kube_score.CHECKS["service-targets-pod"],
    "deprecated-service-account-field": lambda m: _pods(m, lambda pod: "serviceAccount" in pod),
    "docker-sock": lambda m: _host_paths(m, lambda path: path.endswith("docker.sock")),
    "drop-net-raw-capability": _drops_net_raw,
    "duplicate-env-var": kube_score.CHECKS["environment-variable-key-duplication"],
    "env-var-secret": _env_var_secret,
    "host-ipc": lambda m: _pods(m, lambda pod: pod.get("hostIPC", False)),
    "host-network": lambda m: _pods(m, lambda pod: pod.get("hostNetwork", False)),
    "host-pid": lambda m: _pods(m, lambda pod: pod.get("hostPID", False)),
    "invalid-target-ports": _invalid_target_ports,
    "job-ttl-seconds-after-finished": _job_ttl,
    "latest-tag": _latest_tag,
    "liveness-port": _probe_port("livenessProbe"),
    "mismatching-selector": _mismatching_selector,
    "no-anti-affinity": _no_anti_affinity,
    "no-extensions-v1beta": lambda m: (e["kind"] for e in m.objects if e["apiVersion"].startswith("extensions/v1beta")),
    "no-read-only-root-fs": kube_score.CHECKS["container-security-context-readonlyrootfilesystem"],
    "non-existent-service-account": _non_existent_service_account,
    "pdb-max-unavailable": lambda m: _budgets(m, lambda spec: spec.get("maxUnavailable") in (0, "0%")),
    "pdb-min-available": _pdb_min_available,
    "pdb-unhealthy-pod-eviction-policy": lambda m: _budgets(m, lambda spec: "unhealthyPodEvictionPolicy" not in spec),
    "privilege-escalation-container": _privilege_escalation,
    "privileged-container": kube_score.CHECKS["container-security-context-privileged"],
    "readiness-port": _probe_port("readinessProbe"),
    "run-as-non-root": _run_as_non_root,
    "sensitive-host-mounts": lambda m: _host_paths(m, lambda path: path in _SENSITIVE_PATHS),
    "ssh-port": lambda m: _named(m, lambda c: 22 in _ports(c)),
    "startup-port": _probe_port("startupProbe"),
    "unsafe-sysctls": lambda m: _pods(m, _sysctls),
    "unset-cpu-requirements": lambda m: _named(m, lambda c: not stated(c, "requests", "cpu")),
    "unset-memory-requirements": lambda m: _named(m, lambda c: not stated(c, "limits", "memory")),
}

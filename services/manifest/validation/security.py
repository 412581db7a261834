"""Security checks: privileges, access to the node, secrets, TLS and roles.

Violations of the Pod Security standard that the namespace enforces are errors, since the cluster would refuse the pods;
everything else is a warning.
"""

import re
from collections.abc import Iterator
from typing import Any

from services.manifest.validation.findings import FindingCollector
from services.manifest.validation.manifest import Container, Manifest, ManifestObject, Pods
from shared.kube.objects import Obj
from shared.reading.yaml_text import Pointer

_ENFORCE = "pod-security.kubernetes.io/enforce"
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key)$")
_BASELINE_CAPABILITIES = frozenset(
    ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
     "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")
)  # fmt: skip
_RESTRICTED_VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)


def check_security(manifest: Manifest, findings: FindingCollector) -> None:
    """Check pods, Secrets, Ingresses and roles."""
    for pods in manifest.pods:
        _check_pod(pods, findings)
        namespace = manifest.find("Namespace", "", pods.item.namespace)
        level = _level(namespace)
        if level in {"baseline", "restricted"}:
            for pointer, text in _violations(pods, level):
                findings.add("POD_SECURITY_REFUSED", pods.item, pointer, level=level, detail=text)
    for secret in manifest.of_kind("Secret"):
        if field := next((name for name in ("data", "stringData") if secret.value.get(name)), None):
            findings.add("SECRET_IN_MANIFEST", secret, (field,))
    for ingress in manifest.of_kind("Ingress"):
        _check_ingress(ingress, findings)
    for role in manifest.of_kind("Role", "ClusterRole"):
        for index, rule in enumerate(role.value.get("rules") or ()):
            if "*" in (rule.get("verbs") or ()) and "*" in (rule.get("resources") or ()):
                findings.add("ROLE_TOO_WIDE", role, ("rules", index), rule="verbs [*] on resources [*]")


def _level(namespace: ManifestObject | None) -> str:
    metadata = (namespace.value.get("metadata") or {}) if namespace and namespace.typed else {}
    return str((metadata.get("labels") or {}).get(_ENFORCE, ""))


def _check_pod(pods: Pods, findings: FindingCollector) -> None:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pods.spec.get(field):
            findings.add("HOST_NAMESPACE", pods.item, (*pods.pointer, field), field=field)
    for index, volume in enumerate(pods.spec.get("volumes") or ()):
        if volume.get("hostPath"):
            pointer = (*pods.pointer, "volumes", index, "hostPath")
            findings.add("HOST_PATH", pods.item, pointer, path=str(volume["hostPath"].get("path")))
    for container in pods.containers:
        _check_container(pods, container, findings)
        _check_image(pods, container, findings)
        _check_environment(pods, container, findings)


def _check_container(pods: Pods, container: Container, findings: FindingCollector) -> None:
    own, pod = container.value.get("securityContext") or {}, pods.spec.get("securityContext") or {}
    pointer: Pointer = (*container.pointer, "securityContext")
    name = container.name
    user = own.get("runAsUser", pod.get("runAsUser"))
    if own.get("privileged"):
        findings.add("PRIVILEGED", pods.item, (*pointer, "privileged"), container=name)
    if own.get("allowPrivilegeEscalation") is not False:
        findings.add("PRIVILEGE_ESCALATION", pods.item, pointer, container=name)
    if not own.get("runAsNonRoot", pod.get("runAsNonRoot")) and not user:
        findings.add("RUNS_AS_ROOT", pods.item, pointer, container=name)
    if not own.get("readOnlyRootFilesystem"):
        findings.add("ROOT_FILESYSTEM_WRITABLE", pods.item, pointer, container=name)
    if not own.get("seccompProfile", pod.get("seccompProfile")):
        findings.add("SECCOMP_MISSING", pods.item, pointer, container=name)
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        findings.add(
            "CAPABILITIES", pods.item, pointer, container=name, added="none", fault="keeps the default capabilities"
        )
    elif capabilities.get("add"):
        added = ", ".join(map(str, capabilities["add"]))
        findings.add(
            "CAPABILITIES",
            pods.item,
            (*pointer, "capabilities", "add"),
            container=name,
            added=added,
            fault=f"adds {added}",
        )


def _check_image(pods: Pods, container: Container, findings: FindingCollector) -> None:
    image = str(container.value.get("image") or "")
    if not image or "@sha256:" in image:
        return
    _, colon, tag = image.rpartition("/")[2].partition(":")
    if not colon or tag in {"", "latest"}:
        findings.add("IMAGE_NOT_PINNED", pods.item, (*container.pointer, "image"), image=image)


def _check_environment(pods: Pods, container: Container, findings: FindingCollector) -> None:
    for index, variable in enumerate(container.value.get("env") or ()):
        name = str(variable.get("name"))
        if variable.get("value") and _SECRET_NAME.search(name):
            findings.add("SECRET_IN_ENVIRONMENT", pods.item, (*container.pointer, "env", index, "value"), name=name)


def _check_ingress(ingress: ManifestObject, findings: FindingCollector) -> None:
    spec = ingress.value.get("spec") or {}
    covered = {host for tls in spec.get("tls") or () for host in tls.get("hosts") or ()}
    for index, rule in enumerate(spec.get("rules") or ()):
        host = str(rule.get("host") or "*")
        wildcard = f"*.{host.partition('.')[2]}"
        if not {host, wildcard} & covered:
            findings.add("INGRESS_WITHOUT_TLS", ingress, ("spec", "rules", index), host=host)


def _violations(pods: Pods, level: str) -> Iterator[tuple[Pointer, str]]:
    """The violations that Pod Security admission reports.

    Source: kubernetes.io/docs/concepts/security/pod-security-standards.
    """
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pods.spec.get(field):
            yield (*pods.pointer, field), f"host namespaces ({field}=true)"
    for index, volume in enumerate(pods.spec.get("volumes") or ()):
        kinds = {kind for kind in volume if kind != "name"}
        if "hostPath" in kinds or (level == "restricted" and kinds - _RESTRICTED_VOLUMES):
            yield (*pods.pointer, "volumes", index), f'restricted volume types (volume "{volume.get("name")}")'
    for container in pods.containers:
        yield from _baseline(container)
        if level == "restricted":
            yield from _restricted(container, pods.spec.get("securityContext") or {})


def _baseline(container: Container) -> Iterator[tuple[Pointer, str]]:
    own: Obj = container.value.get("securityContext") or {}
    pointer: Pointer = (*container.pointer, "securityContext")
    if own.get("privileged"):
        yield (*pointer, "privileged"), f'privileged (container "{container.name}" must not set it to true)'
    added = set(_listed(own, "add")) - _BASELINE_CAPABILITIES
    if added:
        yield (*pointer, "capabilities"), f'non-default capabilities (container "{container.name}": {sorted(added)})'
    for index, port in enumerate(container.value.get("ports") or ()):
        if port.get("hostPort"):
            yield (*container.pointer, "ports", index), f'hostPort (container "{container.name}")'


def _restricted(container: Container, pod: Obj) -> Iterator[tuple[Pointer, str]]:
    own: Obj = container.value.get("securityContext") or {}
    pointer: Pointer = (*container.pointer, "securityContext")
    name = f'container "{container.name}"'
    if own.get("allowPrivilegeEscalation") is not False:
        yield pointer, f"allowPrivilegeEscalation != false ({name})"
    if "ALL" not in _listed(own, "drop") or set(_listed(own, "add")) - {"NET_BIND_SERVICE"}:
        yield pointer, f'unrestricted capabilities ({name} must set securityContext.capabilities.drop=["ALL"])'
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield pointer, f"runAsNonRoot != true ({name})"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield pointer, f"runAsUser=0 ({name})"
    profile = own.get("seccompProfile", pod.get("seccompProfile")) or {}
    if profile.get("type") not in {"RuntimeDefault", "Localhost"}:
        yield pointer, f"seccompProfile ({name} must set seccompProfile.type)"


def _listed(security: Obj, field: str) -> list[Any]:
    return (security.get("capabilities") or {}).get(field) or []

"""Checks references between objects: their targets exist, names are unique, and all are in one namespace."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from services.manifest.validation.findings import FindingCollector
from services.manifest.validation.manifest import Manifest, ManifestObject, Pods
from services.manifest.validation.naming import GIVEN_ACCOUNT, named_by
from shared.kube.kinds import CLUSTER_SCOPED
from shared.kube.objects import Obj
from shared.reading.yaml_text import Pointer

_GIVEN_ROLES = ("admin", "cluster-admin", "edit", "view")


def check_references(manifest: Manifest, findings: FindingCollector, expected: str | None) -> None:
    """Check all references; `expected` is the tenant's namespace, or None without a tenant."""
    _check_unique(manifest, findings)
    _check_namespaces(manifest, findings, expected)
    for service in manifest.of_kind("Service"):
        _check_service(service, manifest, findings)
    for ingress in manifest.of_kind("Ingress"):
        _check_ingress(ingress, manifest, findings)
    for scaler in manifest.of_kind("HorizontalPodAutoscaler"):
        _check_scaler(scaler, manifest, findings)
    for item in manifest.of_kind("PodDisruptionBudget", "NetworkPolicy"):
        _check_selector(item, manifest, findings)
    for item in manifest.of_kind("StatefulSet"):
        name = (item.value.get("spec") or {}).get("serviceName")
        if name and manifest.find("Service", item.namespace, name) is None:
            findings.add("TARGET_NOT_FOUND", item, ("spec", "serviceName"), target=f"Service {name}")
    for item in manifest.of_kind("RoleBinding", "ClusterRoleBinding"):
        _check_binding(item, manifest, findings)
    for pods in manifest.pods:
        _check_pods(pods, manifest, findings)


def _check_unique(manifest: Manifest, findings: FindingCollector) -> None:
    seen: set[tuple[str, str, str, str]] = set()
    for item in manifest.items:
        key = (item.api_version.rpartition("/")[0], item.kind, item.namespace, item.name)
        if item.name and key in seen:
            findings.add("DUPLICATE_OBJECT", item, ("metadata", "name"), object=item.title)
        seen.add(key)


def _check_namespaces(manifest: Manifest, findings: FindingCollector, expected: str | None) -> None:
    here = Counter(item.namespace for item in manifest.items if item.namespace)
    here.update(item.name for item in manifest.of_kind("Namespace") if item.name not in here)
    if len(here) > 1:
        findings.add("NAMESPACES_MIXED", namespaces=", ".join(sorted(here)[:10]))
    stray = (item for item in manifest.items if expected and _place(item) not in (None, expected))
    for item in list({_place(item): item for item in reversed(list(stray))}.values()):
        pointer = ("metadata", "name" if item.kind == "Namespace" else "namespace")
        place = _place(item) or ""
        findings.add("NAMESPACE_UNEXPECTED", item, pointer, object=item.title, namespace=place, expected=expected or "")


def _place(item: ManifestObject) -> str | None:
    """The namespace that an object is in, or is itself; None for a cluster-scoped one."""
    return item.name if item.kind == "Namespace" else item.namespace or None


def _check_service(service: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    spec = service.value.get("spec") or {}
    selector = spec.get("selector")
    if not selector or spec.get("type") == "ExternalName":
        return
    if not manifest.selected(service.namespace, {"matchLabels": selector}):
        findings.add("SELECTS_NOTHING", service, ("spec", "selector"), selector=_labels(selector))
        return
    ports = manifest.ports(service.namespace, {"matchLabels": selector})
    for index, port in enumerate(spec.get("ports") or ()):
        target = port.get("targetPort", port.get("port"))
        if not ports.has(target):
            findings.add("PORT_NOT_FOUND", service, ("spec", "ports", index, "targetPort"), port=str(target))


def _check_ingress(ingress: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    spec = ingress.value.get("spec") or {}
    for pointer, backend in _backends(spec):
        service = backend.get("service") or {}
        name, port = service.get("name"), service.get("port") or {}
        found = manifest.find("Service", ingress.namespace, str(name))
        if name and found is None:
            findings.add("TARGET_NOT_FOUND", ingress, (*pointer, "service", "name"), target=f"Service {name}")
        elif found is not None and found.typed:
            wanted = port.get("number") or port.get("name")
            offered = [p for each in (found.value.get("spec") or {}).get("ports") or () for p in _names(each)]
            if wanted not in offered:
                findings.add("PORT_NOT_FOUND", ingress, (*pointer, "service", "port"), port=str(wanted))


def _names(port: Obj) -> Iterator[Any]:
    yield from (port.get("port"), port.get("name"))


def _backends(spec: Obj) -> Iterator[tuple[Pointer, Obj]]:
    if isinstance(spec.get("defaultBackend"), dict):
        yield ("spec", "defaultBackend"), spec["defaultBackend"]
    for number, rule in enumerate(spec.get("rules") or ()):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            yield ("spec", "rules", number, "http", "paths", index, "backend"), path.get("backend") or {}


def _check_scaler(scaler: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    target = (scaler.value.get("spec") or {}).get("scaleTargetRef") or {}
    kind, name = str(target.get("kind")), str(target.get("name"))
    found = manifest.find(kind, scaler.namespace, name)
    if found is None:
        findings.add("TARGET_NOT_FOUND", scaler, ("spec", "scaleTargetRef", "name"), target=f"{kind} {name}")
    elif found.typed and "replicas" in (found.value.get("spec") or {}):
        findings.add("REPLICAS_CONFLICT", found, ("spec", "replicas"), scaler=scaler.name)


def _check_selector(item: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    spec = item.value.get("spec") or {}
    name = "podSelector" if item.kind == "NetworkPolicy" else "selector"
    selector = spec.get(name)
    if selector and not manifest.selected(item.namespace, selector):
        findings.add("SELECTS_NOTHING", item, ("spec", name), selector=_labels(selector.get("matchLabels") or selector))


def _check_binding(binding: ManifestObject, manifest: Manifest, findings: FindingCollector) -> None:
    for kind, namespace, name, pointer in _bound(binding):
        if manifest.find(kind, namespace, name) is None:
            findings.add("REFERENCE_NOT_FOUND", binding, pointer, target=f"{kind} {name}")


def _bound(binding: ManifestObject) -> Iterator[tuple[str, str, str, Pointer]]:
    """Kind, namespace, name and pointer of the role, and of the accounts that it is bound to."""
    role = binding.value.get("roleRef") or {}
    kind, name = str(role.get("kind")), str(role.get("name"))
    if name not in _GIVEN_ROLES and not name.startswith("system:"):
        yield kind, binding.namespace if kind == "Role" else "", name, ("roleRef", "name")
    for index, subject in enumerate(binding.value.get("subjects") or ()):
        if subject.get("kind") == "ServiceAccount" and subject.get("name") != GIVEN_ACCOUNT:
            namespace = str(subject.get("namespace") or binding.namespace)
            yield "ServiceAccount", namespace, str(subject.get("name")), ("subjects", index, "name")


def _check_pods(pods: Pods, manifest: Manifest, findings: FindingCollector) -> None:
    for kind, name, pointer, key, optional in named_by(pods):
        found = manifest.find(kind, "" if kind in CLUSTER_SCOPED else pods.item.namespace, name)
        if found is None and not optional:
            findings.add("REFERENCE_NOT_FOUND", pods.item, pointer, target=f"{kind} {name}")
        elif found is not None and found.typed and key and not optional and not _holds_key(found, key):
            findings.add("REFERENCE_KEY_NOT_FOUND", pods.item, pointer, target=found.title, key=key)


def _holds_key(item: ManifestObject, key: str) -> bool:
    """Whether an object has a key. A Secret without data is filled in the cluster, so it may have any key."""
    held = [name for field in ("data", "stringData", "binaryData") for name in item.value.get(field) or {}]
    return key in held or (item.kind == "Secret" and not held)


def _labels(selector: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in selector.items()) if isinstance(selector, dict) else ""

"""What objects say of each other: whether it is there, unique, and in one place."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from services.manifest.validation.findings import Findings
from services.manifest.validation.manifest import CLUSTER_SCOPED, Item, Manifest, Obj, Pods
from services.manifest.validation.reading import Pointer

_GIVEN_ACCOUNT = "default"
_GIVEN_CLASSES = ("system-cluster-critical", "system-node-critical")
_GIVEN_MAPS = ("kube-root-ca.crt",)


def check_references(manifest: Manifest, findings: Findings, expected: str | None) -> None:
    """Everything that an object names; `expected` is the tenant's namespace, if a tenant was named."""
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
    for pods in manifest.pods:
        _check_pods(pods, manifest, findings)


def _check_unique(manifest: Manifest, findings: Findings) -> None:
    seen: set[tuple[str, str, str, str]] = set()
    for item in manifest.items:
        key = (item.api_version.rpartition("/")[0], item.kind, item.namespace, item.name)
        if item.name and key in seen:
            findings.add("DUPLICATE_OBJECT", item, ("metadata", "name"), object=item.title)
        seen.add(key)


def _check_namespaces(manifest: Manifest, findings: Findings, expected: str | None) -> None:
    here = Counter(item.namespace for item in manifest.items if item.namespace)
    here.update(item.name for item in manifest.of_kind("Namespace") if item.name not in here)
    if len(here) > 1:
        findings.add("NAMESPACES_MIXED", namespaces=", ".join(sorted(here)[:10]))
    stray = (item for item in manifest.items if expected and _place(item) not in (None, expected))
    for item in list({_place(item): item for item in reversed(list(stray))}.values()):
        pointer = ("metadata", "name" if item.kind == "Namespace" else "namespace")
        place = _place(item) or ""
        findings.add("NAMESPACE_UNEXPECTED", item, pointer, object=item.title, namespace=place, expected=expected or "")


def _place(item: Item) -> str | None:
    """The namespace that an object is in, or is; None for one of the cluster."""
    return item.name if item.kind == "Namespace" else item.namespace or None


def _check_service(service: Item, manifest: Manifest, findings: Findings) -> None:
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


def _check_ingress(ingress: Item, manifest: Manifest, findings: Findings) -> None:
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


def _check_scaler(scaler: Item, manifest: Manifest, findings: Findings) -> None:
    target = (scaler.value.get("spec") or {}).get("scaleTargetRef") or {}
    kind, name = str(target.get("kind")), str(target.get("name"))
    found = manifest.find(kind, scaler.namespace, name)
    if found is None:
        findings.add("TARGET_NOT_FOUND", scaler, ("spec", "scaleTargetRef", "name"), target=f"{kind} {name}")
    elif found.typed and "replicas" in (found.value.get("spec") or {}):
        findings.add("REPLICAS_CONFLICT", found, ("spec", "replicas"), scaler=scaler.name)


def _check_selector(item: Item, manifest: Manifest, findings: Findings) -> None:
    spec = item.value.get("spec") or {}
    name = "podSelector" if item.kind == "NetworkPolicy" else "selector"
    selector = spec.get(name)
    if selector and not manifest.selected(item.namespace, selector):
        findings.add("SELECTS_NOTHING", item, ("spec", name), selector=_labels(selector.get("matchLabels") or selector))


def _check_pods(pods: Pods, manifest: Manifest, findings: Findings) -> None:
    for kind, name, pointer, key, optional in _named(pods):
        found = manifest.find(kind, "" if kind in CLUSTER_SCOPED else pods.item.namespace, name)
        if found is None and not optional:
            findings.add("REFERENCE_NOT_FOUND", pods.item, pointer, target=f"{kind} {name}")
        elif found is not None and found.typed and key and not optional and not _holds_key(found, key):
            findings.add("REFERENCE_KEY_NOT_FOUND", pods.item, pointer, target=found.title, key=key)


def _holds_key(item: Item, key: str) -> bool:
    """A Secret without data is filled where it runs: nothing is known of its keys."""
    held = [name for field in ("data", "stringData", "binaryData") for name in item.value.get(field) or {}]
    return key in held or (item.kind == "Secret" and not held)


_Named = tuple[str, str, Pointer, str | None, bool]
"""Kind, name, pointer, key or None, and whether it may be missing."""


def _named(pods: Pods) -> Iterator[_Named]:
    spec, at = pods.spec, pods.pointer
    account, priority = spec.get("serviceAccountName"), spec.get("priorityClassName")
    if account and account != _GIVEN_ACCOUNT:
        yield "ServiceAccount", account, (*at, "serviceAccountName"), None, False
    if priority and priority not in _GIVEN_CLASSES:
        yield "PriorityClass", priority, (*at, "priorityClassName"), None, False
    yield from _volumes(pods)
    for container in pods.containers:
        yield from _environment(container.value, container.pointer)


def _volumes(pods: Pods) -> Iterator[_Named]:
    sources = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"))
    for index, volume in enumerate(pods.spec.get("volumes") or ()):
        at: Pointer = (*pods.pointer, "volumes", index)
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim:
            yield "PersistentVolumeClaim", claim, (*at, "persistentVolumeClaim", "claimName"), None, False
        for field, kind, name in sources:
            source = volume.get(field) or {}
            if source.get(name) and source[name] not in _GIVEN_MAPS:
                optional = bool(source.get("optional"))
                for key in [item.get("key") for item in source.get("items") or ()] or [None]:
                    yield kind, source[name], (*at, field, name), key, optional


def _environment(container: Obj, at: Pointer) -> Iterator[_Named]:
    for index, variable in enumerate(container.get("env") or ()):
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            source = (variable.get("valueFrom") or {}).get(field) or {}
            if source.get("name"):
                pointer = (*at, "env", index, "valueFrom", field)
                yield kind, source["name"], pointer, source.get("key"), bool(source.get("optional"))
    for index, source in enumerate(container.get("envFrom") or ()):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            named = source.get(field) or {}
            if named.get("name"):
                yield kind, named["name"], (*at, "envFrom", index, field, "name"), None, bool(named.get("optional"))


def _labels(selector: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in selector.items()) if isinstance(selector, dict) else ""

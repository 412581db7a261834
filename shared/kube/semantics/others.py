"""Services and what leads to them, configuration, priorities."""

from typing import Any

from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.containers import PROTOCOLS, check_port_number, check_port_reference
from shared.kube.semantics.names import (
    check_labels,
    config_key_faults,
    label_faults,
    qualified_faults,
    subdomain_faults,
)
from shared.kube.semantics.pods import check_pod_spec

_DATA_LIMIT = 1024 * 1024
_NODE_PORTS = range(30000, 32768)
_POD_MAY_CHANGE = (
    "containers",
    "initContainers",
    "activeDeadlineSeconds",
    "tolerations",
    "terminationGracePeriodSeconds",
)


def check_pod(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 Pod; of one that exists little more than the image may change."""
    check_pod_spec(found, "spec", obj.get("spec") or {})
    if old is not None and _fixed_part(obj["spec"]) != _fixed_part(old["spec"]):
        found.forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        )


def check_service(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 Service."""
    spec = obj.get("spec") or {}
    kind, ports = spec.get("type", "ClusterIP"), spec.get("ports") or ()
    found.one_of("spec.type", kind, ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"))
    found.one_of("spec.sessionAffinity", spec.get("sessionAffinity"), ("ClientIP", "None"))
    check_labels(found, "spec.selector", spec.get("selector"))
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        found.required("spec.ports")
    if kind == "ExternalName" and not spec.get("externalName"):
        found.required("spec.externalName")
    names: set[str] = set()
    used: set[tuple[Any, str]] = set()
    for index, port in enumerate(ports):
        _check_service_port(found, f"spec.ports[{index}]", port, len(ports) > 1, names)
        if (port.get("port"), port.get("protocol", "TCP")) in used:
            found.duplicate(f"spec.ports[{index}]", {"port": port.get("port"), "protocol": port.get("protocol", "TCP")})
        used.add((port.get("port"), port.get("protocol", "TCP")))
    before = ((old or {}).get("spec") or {}).get("clusterIP")
    if before and kind != "ExternalName" and spec.get("clusterIP") != before:
        found.invalid("spec.clusterIPs[0]", spec.get("clusterIPs") or [], "may not change once set")


def check_config_map(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 ConfigMap."""
    _check_data(found, obj, ("data", "binaryData"))
    _check_frozen(found, obj, old, ("data", "binaryData"))


def check_secret(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 Secret."""
    _check_data(found, obj, ("data", "stringData"))
    _check_frozen(found, obj, old, ("data",))
    if old is not None and old.get("type") != obj.get("type"):
        found.invalid("type", obj.get("type"), "field is immutable")


def check_priority_class(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """scheduling.k8s.io/v1 PriorityClass; what pods were ranked by can't be changed behind their backs."""
    found.one_of("preemptionPolicy", obj.get("preemptionPolicy"), ("Never", "PreemptLowerPriority"))
    if old is None:
        return
    if (obj.get("value") or 0) != (old.get("value") or 0):
        found.forbidden("value", "may not be changed in an update.")
    if obj.get("preemptionPolicy") != old.get("preemptionPolicy"):
        found.invalid("preemptionPolicy", obj.get("preemptionPolicy"), "field is immutable")


def check_ingress(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """networking.k8s.io/v1 Ingress."""
    spec = obj.get("spec") or {}
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        found.invalid("spec", dict(spec), "either `defaultBackend` or `rules` must be specified")
    for number, rule in enumerate(spec.get("rules") or ()):
        if host := rule.get("host"):
            for fault in subdomain_faults(host.removeprefix("*.")):
                found.invalid(f"spec.rules[{number}].host", host, fault)
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            _check_ingress_path(found, f"spec.rules[{number}].http.paths[{index}]", path)


def _check_service_port(found: CauseCollector, path: str, port: Map, named: bool, seen: set[str]) -> None:
    name = port.get("name")
    if not name and named:
        found.required(f"{path}.name")
    elif name:
        for fault in label_faults(name):
            found.invalid(f"{path}.name", name, fault)
        if name in seen:
            found.duplicate(f"{path}.name", name)
        seen.add(name)
    check_port_number(found, f"{path}.port", port.get("port") or 0)
    found.one_of(f"{path}.protocol", port.get("protocol", "TCP"), PROTOCOLS)
    # Absent, it is the port itself; 0 is how Go writes absent.
    if port.get("targetPort"):
        check_port_reference(found, f"{path}.targetPort", port["targetPort"])
    if port.get("nodePort") and port["nodePort"] not in _NODE_PORTS:
        detail = "provided port is not in the valid range. The range of valid ports is 30000-32767"
        found.invalid(f"{path}.nodePort", port["nodePort"], detail)


def _check_ingress_path(found: CauseCollector, path: str, rule: Map) -> None:
    kind, place, backend = rule.get("pathType"), rule.get("path") or "", rule.get("backend") or {}
    if kind is None:
        found.required(f"{path}.pathType", "pathType must be specified")
    else:
        found.one_of(f"{path}.pathType", kind, ("Exact", "ImplementationSpecific", "Prefix"))
    if kind in ("Exact", "Prefix") and not place.startswith("/"):
        found.invalid(f"{path}.path", place, "must be an absolute path")
    service = backend.get("service")
    if service is None and backend.get("resource") is None:
        found.required(f"{path}.backend", "port name or number is required")
    elif service is not None:
        if not service.get("name"):
            found.required(f"{path}.backend.service.name")
        port = service.get("port") or {}
        if not port.get("name") and not port.get("number"):
            found.required(f"{path}.backend.service.port", "port name or number is required")


def _check_data(found: CauseCollector, obj: Map, fields: tuple[str, ...]) -> None:
    size = 0
    for field in fields:
        for key, value in (obj.get(field) or {}).items():
            size += len((value or "").encode())
            for fault in config_key_faults(key):
                found.invalid(f"{field}[{key}]", key, fault)
    if size > _DATA_LIMIT:
        found.too_long(fields[0], _DATA_LIMIT)


def _check_frozen(found: CauseCollector, obj: Map, old: Map | None, fields: tuple[str, ...]) -> None:
    if old is None or not old.get("immutable"):
        return
    if not obj.get("immutable"):
        found.forbidden("immutable", "field is immutable when `immutable` is set")
    for field in fields:
        if (old.get(field) or {}) != (obj.get(field) or {}):
            found.forbidden(field, "field is immutable when `immutable` is set")


def _fixed_part(spec: Map) -> dict[str, Any]:
    """A pod's spec without what may change: the images, and a few fields whole."""
    fixed = {name: value for name, value in spec.items() if name not in _POD_MAY_CHANGE}
    for kind in ("containers", "initContainers"):
        fixed[kind] = [{key: value for key, value in one.items() if key != "image"} for one in spec.get(kind) or ()]
    return fixed


def check_taints(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 Node: its taints."""
    for index, taint in enumerate((obj.get("spec") or {}).get("taints") or ()):
        for fault in qualified_faults(taint.get("key") or ""):
            found.invalid(f"spec.taints[{index}].key", taint.get("key") or "", fault)
        found.one_of(
            f"spec.taints[{index}].effect", taint.get("effect"), ("NoExecute", "NoSchedule", "PreferNoSchedule")
        )

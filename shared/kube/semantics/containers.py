"""One container: its image, ports, environment, resources, probes and mounts."""

import re
from typing import Any

from shared.kube.quantities import QuantityError, canonical, parse
from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.names import label_faults, port_name_faults, qualified_faults

PROTOCOLS = ("SCTP", "TCP", "UDP")
_STANDARD_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_ENVIRONMENT_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_PORT_RANGE = "must be between 1 and 65535, inclusive"


def check_container(found: CauseCollector, path: str, container: Map, volumes: set[str]) -> None:
    """Everything about one container; `volumes` are the names that the pod offers."""
    if not container.get("image"):
        found.required(f"{path}.image")
    elif container["image"].strip() != container["image"]:
        found.invalid(f"{path}.image", container["image"], "must not have leading or trailing whitespace")
    found.one_of(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), ("Always", "IfNotPresent", "Never"))
    _check_ports(found, f"{path}.ports", container.get("ports") or ())
    _check_environment(found, f"{path}.env", container.get("env") or ())
    check_resources(found, f"{path}.resources", container.get("resources") or {})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _check_probe(found, f"{path}.{name}", container[name], name)
    _check_mounts(found, f"{path}.volumeMounts", container.get("volumeMounts") or (), volumes)
    _check_security(found, f"{path}.securityContext", container.get("securityContext") or {})


def check_container_name(found: CauseCollector, path: str, name: str | None, seen: set[str]) -> None:
    """A name of its own; adds it to `seen`."""
    if not name:
        found.required(path)
        return
    for fault in label_faults(name):
        found.invalid(path, name, fault)
    if name in seen:
        found.duplicate(path, name)
    seen.add(name)


def check_port_number(found: CauseCollector, path: str, port: Any) -> None:
    """A number from 1 to 65535."""
    if not 1 <= port <= 65535:
        found.invalid(path, port, _PORT_RANGE)


def check_port_reference(found: CauseCollector, path: str, port: int | str | None) -> None:
    """A port by number or by name."""
    if port is None:
        found.required(path)
    elif isinstance(port, int):
        check_port_number(found, path, port)
    else:
        for fault in port_name_faults(port):
            found.invalid(path, port, fault)


def check_quantity(found: CauseCollector, path: str, value: Any) -> bool:
    """A quantity that isn't negative; True when it can be reckoned with."""
    try:
        amount = parse(value)
    except QuantityError as error:
        found.invalid(path, value, str(error))
        return False
    if amount < 0:
        found.invalid(path, canonical(value), "must be greater than or equal to 0")
    return amount >= 0


def check_resources(found: CauseCollector, path: str, resources: Map) -> None:
    """Requests and limits: names, quantities, and no request above its limit."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for kind, listed in (("limits", limits), ("requests", requests)):
        for name, value in listed.items():
            here = f"{path}.{kind}[{name}]"
            _check_resource_name(found, here, name)
            if check_quantity(found, here, value) and _is_extended(name) and parse(value) % 1:
                found.invalid(here, canonical(value), "must be an integer")
    for name, value in requests.items():
        _check_against_limit(found, path, name, value, limits)


def _check_against_limit(found: CauseCollector, path: str, name: str, value: Any, limits: Map) -> None:
    try:
        request, limit = parse(value), parse(limits[name]) if name in limits else None
    except QuantityError:
        return
    if limit is None:
        if _is_extended(name) or name.startswith("hugepages-"):
            found.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif _is_extended(name) and request != limit:
        found.invalid(
            f"{path}.requests", canonical(value), f"must be equal to {name} limit of {canonical(limits[name])}"
        )
    elif request > limit:
        detail = f"must be less than or equal to {name} limit of {canonical(limits[name])}"
        found.invalid(f"{path}.requests", canonical(value), detail)


def _check_resource_name(found: CauseCollector, path: str, name: str) -> None:
    for fault in qualified_faults(name):
        found.invalid(path, name, fault)
    if "/" not in name and name not in _STANDARD_RESOURCES and not name.startswith("hugepages-"):
        found.invalid(path, name, "must be a standard resource type or fully qualified")
        found.invalid(path, name, "must be a standard resource for containers")


def _is_extended(name: str) -> bool:
    """A device such as nvidia.com/gpu, which isn't shared and comes in whole pieces."""
    return "/" in name and not name.startswith("kubernetes.io/")


def _check_ports(found: CauseCollector, path: str, ports: Any) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        here = f"{path}[{index}]"
        if name := port.get("name"):
            for fault in port_name_faults(name):
                found.invalid(f"{here}.name", name, fault)
            if name in seen:
                found.duplicate(f"{here}.name", name)
            seen.add(name)
        if not port.get("containerPort"):
            found.required(f"{here}.containerPort")
        else:
            check_port_number(found, f"{here}.containerPort", port["containerPort"])
        if port.get("hostPort"):
            check_port_number(found, f"{here}.hostPort", port["hostPort"])
        found.one_of(f"{here}.protocol", port.get("protocol", "TCP"), PROTOCOLS)


def _check_environment(found: CauseCollector, path: str, variables: Any) -> None:
    for index, variable in enumerate(variables):
        here, name = f"{path}[{index}]", variable.get("name")
        if not name:
            found.required(f"{here}.name")
        elif not re.fullmatch(r"[ -<>-~]+", name):
            detail = "a valid environment variable name must consist only of printable ASCII characters other than '='"
            found.invalid(f"{here}.name", name, detail)
        source = variable.get("valueFrom")
        if source is None:
            continue
        given = [kind for kind in _ENVIRONMENT_SOURCES if source.get(kind) is not None]
        if variable.get("value"):
            found.invalid(f"{here}.valueFrom", "", "may not be specified when `value` is not empty")
        elif not given:
            listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
            found.invalid(f"{here}.valueFrom", "", f"must specify one of: {listed}")
        elif len(given) > 1:
            found.invalid(f"{here}.valueFrom", "", "may not have more than one field specified at a time")


def _check_probe(found: CauseCollector, path: str, probe: Map, kind: str) -> None:
    handlers = [name for name in _HANDLERS if probe.get(name) is not None]
    if not handlers:
        found.required(path, "must specify a handler type")
    for name in handlers[1:]:
        found.forbidden(f"{path}.{name}", "may not specify more than 1 handler type")
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        found.at_least(f"{path}.{name}", probe.get(name), 0)
    if kind != "readinessProbe" and probe.get("successThreshold") not in (None, 0, 1):
        found.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")
    for name in ("httpGet", "tcpSocket"):
        if probe.get(name) is not None:
            check_port_reference(found, f"{path}.{name}.port", probe[name].get("port"))
    if probe.get("httpGet"):
        found.one_of(f"{path}.httpGet.scheme", probe["httpGet"].get("scheme"), ("HTTP", "HTTPS"))
    if probe.get("exec") is not None and not probe["exec"].get("command"):
        found.required(f"{path}.exec.command")


def _check_mounts(found: CauseCollector, path: str, mounts: Any, volumes: set[str]) -> None:
    places: set[str] = set()
    for index, mount in enumerate(mounts):
        here = f"{path}[{index}]"
        if not mount.get("name"):
            found.required(f"{here}.name")
        elif mount["name"] not in volumes:
            found.not_found(f"{here}.name", mount["name"])
        place = mount.get("mountPath")
        if not place:
            found.required(f"{here}.mountPath")
        elif place in places:
            found.invalid(f"{here}.mountPath", place, "must be unique")
        places.add(place or "")


def _check_security(found: CauseCollector, path: str, security: Map) -> None:
    for name in ("runAsUser", "runAsGroup"):
        value = security.get(name)
        if value is not None and not 0 <= value <= 2**31 - 1:
            found.invalid(f"{path}.{name}", value, "must be between 0 and 2147483647, inclusive")
    if security.get("allowPrivilegeEscalation") is False:
        if security.get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            found.invalid(path, dict(security), detail)
        if "CAP_SYS_ADMIN" in ((security.get("capabilities") or {}).get("add") or ()):
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            found.invalid(path, dict(security), detail)

"""A pod's spec: containers, volumes, and where it may and may not run."""

from collections.abc import Iterable
from typing import Any

from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.containers import check_container, check_container_name
from shared.kube.semantics.names import (
    check_annotations,
    check_labels,
    check_selector,
    label_faults,
    qualified_faults,
    subdomain_faults,
)

_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_NODE_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")


def check_template(
    found: CauseCollector, path: str, template: Map, restart_policies: tuple[str, ...], claims: Iterable[str] = ()
) -> None:
    """A pod template; `restart_policies` are those that its workload allows, `claims` volumes that it adds."""
    metadata = template.get("metadata") or {}
    check_labels(found, f"{path}.metadata.labels", metadata.get("labels"))
    check_annotations(found, f"{path}.metadata.annotations", metadata.get("annotations"))
    spec = template.get("spec") or {}
    check_pod_spec(found, f"{path}.spec", spec, claims)
    policy = spec.get("restartPolicy", restart_policies[0])
    if policy not in restart_policies:
        found.unsupported(f"{path}.spec.restartPolicy", policy, restart_policies)


def check_pod_spec(found: CauseCollector, path: str, spec: Map, claims: Iterable[str] = ()) -> None:
    """Rules about a pod's spec beyond its schema."""
    volumes = _check_volumes(found, f"{path}.volumes", spec.get("volumes") or ()).union(claims)
    _check_containers(found, path, spec, volumes)
    found.one_of(f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "Never", "OnFailure"))
    found.one_of(
        f"{path}.dnsPolicy", spec.get("dnsPolicy"), ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
    )
    if spec.get("dnsPolicy") == "None" and spec.get("dnsConfig") is None:
        found.required(f"{path}.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None")
    found.at_least(f"{path}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"), 0)
    found.at_least(f"{path}.activeDeadlineSeconds", spec.get("activeDeadlineSeconds"), 1)
    check_labels(found, f"{path}.nodeSelector", spec.get("nodeSelector"))
    for name in ("serviceAccountName", "nodeName", "priorityClassName"):
        for fault in subdomain_faults(spec[name]) if spec.get(name) else ():
            found.invalid(f"{path}.{name}", spec[name], fault)
    _check_tolerations(found, f"{path}.tolerations", spec.get("tolerations") or ())
    _check_affinity(found, f"{path}.affinity", spec.get("affinity") or {})
    _check_spread(found, f"{path}.topologySpreadConstraints", spec.get("topologySpreadConstraints") or ())
    security = spec.get("securityContext") or {}
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        if security.get(name) is not None and not 0 <= security[name] <= 2**31 - 1:
            found.invalid(
                f"{path}.securityContext.{name}", security[name], "must be between 0 and 2147483647, inclusive"
            )


def _check_containers(found: CauseCollector, path: str, spec: Map, volumes: set[str]) -> None:
    if not spec.get("containers"):
        found.required(f"{path}.containers")
    seen: set[str] = set()
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            here = f"{path}.{kind}[{index}]"
            check_container_name(found, f"{here}.name", container.get("name"), seen)
            check_container(found, here, container, volumes)
            if kind == "initContainers" and container.get("restartPolicy") != "Always":
                _check_initial(found, here, container)
    if spec.get("hostNetwork"):
        _check_host_ports(found, f"{path}.containers", spec.get("containers") or ())


def _check_initial(found: CauseCollector, path: str, container: Map) -> None:
    """One that ends before the others start has nothing to be probed, unless it is a sidecar."""
    for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            found.forbidden(f"{path}.{name}", "may not be set for init containers without restartPolicy=Always")


def _check_host_ports(found: CauseCollector, path: str, containers: Any) -> None:
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort") and port["hostPort"] != port.get("containerPort"):
                here = f"{path}[{index}].ports[{number}].containerPort"
                found.invalid(here, port.get("containerPort"), "must match `hostPort` when `hostNetwork` is true")


def _check_volumes(found: CauseCollector, path: str, volumes: Any) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        here, name = f"{path}[{index}]", volume.get("name")
        if not name:
            found.required(f"{here}.name")
        else:
            for fault in label_faults(name):
                found.invalid(f"{here}.name", name, fault)
            if name in names:
                found.duplicate(f"{here}.name", name)
            names.add(name)
        sources = [kind for kind, value in volume.items() if kind != "name" and value is not None]
        if not sources:
            found.required(here, "must specify a volume type")
        for kind in sources[1:]:
            found.forbidden(f"{here}.{kind}", "may not specify more than 1 volume type")
    return names


def _check_tolerations(found: CauseCollector, path: str, tolerations: Any) -> None:
    for index, toleration in enumerate(tolerations):
        here = f"{path}[{index}]"
        key, operator = toleration.get("key"), toleration.get("operator") or "Equal"
        if key:
            for fault in qualified_faults(key):
                found.invalid(f"{here}.key", key, fault)
        elif operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            found.invalid(f"{here}.operator", operator, detail)
        if operator not in ("Equal", "Exists"):
            found.unsupported(f"{here}.operator", operator, ("Equal", "Exists"))
        if operator == "Exists" and toleration.get("value"):
            found.invalid(f"{here}.operator", dict(toleration), "value must be empty when `operator` is 'Exists'")
        if toleration.get("effect"):
            found.one_of(f"{here}.effect", toleration["effect"], _EFFECTS)
        if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            found.invalid(f"{here}.effect", toleration.get("effect", ""), detail)


def _check_affinity(found: CauseCollector, path: str, affinity: Map) -> None:
    node = affinity.get("nodeAffinity") or {}
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None:
        here = f"{path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        if not required.get("nodeSelectorTerms"):
            found.required(here, "must have at least one node selector term")
        for index, term in enumerate(required.get("nodeSelectorTerms") or ()):
            _check_node_term(found, f"{here}[{index}]", term)
    for index, wish in enumerate(node.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        here = f"{path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _check_weight(found, here, wish)
        _check_node_term(found, f"{here}.preference", wish.get("preference") or {})
    for kind in ("podAffinity", "podAntiAffinity"):
        _check_pod_terms(found, f"{path}.{kind}", affinity.get(kind) or {})


def _check_node_term(found: CauseCollector, path: str, term: Map) -> None:
    for index, rule in enumerate(term.get("matchExpressions") or ()):
        here, operator, values = f"{path}.matchExpressions[{index}]", rule.get("operator"), rule.get("values") or ()
        if operator not in _NODE_OPERATORS:
            found.invalid(f"{here}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not values:
            found.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            found.forbidden(f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        elif operator in ("Gt", "Lt") and len(values) != 1:
            found.required(f"{here}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        for fault in qualified_faults(rule.get("key") or ""):
            found.invalid(f"{here}.key", rule.get("key") or "", fault)


def _check_pod_terms(found: CauseCollector, path: str, rules: Map) -> None:
    for index, term in enumerate(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
        _check_pod_term(found, f"{path}.requiredDuringSchedulingIgnoredDuringExecution[{index}]", term)
    for index, wish in enumerate(rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        here = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _check_weight(found, here, wish)
        _check_pod_term(found, f"{here}.podAffinityTerm", wish.get("podAffinityTerm") or {})


def _check_pod_term(found: CauseCollector, path: str, term: Map) -> None:
    check_selector(found, f"{path}.labelSelector", term.get("labelSelector"))
    if not term.get("topologyKey"):
        found.required(f"{path}.topologyKey", "can not be empty")
    else:
        for fault in qualified_faults(term["topologyKey"]):
            found.invalid(f"{path}.topologyKey", term["topologyKey"], fault)


def _check_weight(found: CauseCollector, path: str, wish: Map) -> None:
    weight = wish.get("weight") or 0
    if not 1 <= weight <= 100:
        found.invalid(f"{path}.weight", weight, "must be in the range 1-100")


def _check_spread(found: CauseCollector, path: str, constraints: Any) -> None:
    seen: set[tuple[str, str]] = set()
    for index, rule in enumerate(constraints):
        here, key = f"{path}[{index}]", rule.get("topologyKey")
        if (rule.get("maxSkew") or 0) <= 0:
            found.invalid(f"{here}.maxSkew", rule.get("maxSkew") or 0, "must be greater than zero")
        if not key:
            found.required(f"{here}.topologyKey", "can not be empty")
        action = rule.get("whenUnsatisfiable")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            found.unsupported(f"{here}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"))
        if (key, action) in seen:
            found.duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        seen.add((key, action))
        check_selector(found, f"{here}.labelSelector", rule.get("labelSelector"))

"""The columns of each resource's Table; those with priority 1 are shown by `-o wide`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.simulator.api.representations import cells
from services.simulator.api.representations.cells import (
    joined,
    pairs,
    selector,
    since,
    spec,
    status,
    template_containers,
)
from services.simulator.resources import Resource
from shared.kube.objects import Obj

Cell = Callable[[Obj, datetime], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, the function of its cells, its type and its priority."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """The columns of a resource; name and age if it has none of its own."""
    return _COLUMNS.get(resource.key, _DEFAULT)


def _text(name: str, make: Callable[[Obj], Any], priority: int = 0) -> Column:
    return Column(name, lambda obj, now: make(obj), "string", priority)


def _number(name: str, make: Callable[[Obj], Any]) -> Column:
    return Column(name, lambda obj, now: make(obj), "integer")


def _from(field: str) -> Callable[[str], Callable[[Obj], Any]]:
    """Return functions that read a number of one part of an object; an absent number is 0."""
    return lambda name: lambda obj: (obj.get(field) or {}).get(name, 0)


def _node_info(field: str, absent: str = "<unknown>") -> Callable[[Obj], Any]:
    return lambda node: (status(node).get("nodeInfo") or {}).get(field, absent)


_SPEC, _STATUS = _from("spec"), _from("status")
_NAME: Final = _text("Name", lambda obj: obj["metadata"]["name"])
_AGE: Final = Column("Age", cells.age)
_DEFAULT: Final = (_NAME, _AGE)
_CREATED: Final = _text("Created At", lambda obj: obj["metadata"].get("creationTimestamp"))
_CONTAINERS: Final = _text("Containers", lambda obj: template_containers(obj, "name"), 1)
_IMAGES: Final = _text("Images", lambda obj: template_containers(obj, "image"), 1)
_SELECTOR: Final = _text("Selector", lambda obj: selector(spec(obj).get("selector")), 1)
_ROLE: Final = _text("Role", lambda obj: f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}")
_BINDING: Final = (_NAME, _ROLE, _AGE)


def _ready(total: Callable[[Obj], Any]) -> Column:
    return _text("Ready", lambda obj: f"{status(obj).get('readyReplicas', 0)}/{total(obj)}")


_COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "namespaces": (_NAME, _text("Status", lambda obj: status(obj).get("phase", "")), _AGE),
    "nodes": (
        _NAME,
        _text("Status", cells.node_status),
        _text("Roles", cells.node_roles),
        _AGE,
        _text("Version", _node_info("kubeletVersion", "")),
        _text("Internal-IP", lambda obj: cells.node_address(obj, "InternalIP"), 1),
        _text("External-IP", lambda obj: cells.node_address(obj, "ExternalIP"), 1),
        _text("OS-Image", _node_info("osImage"), 1),
        _text("Kernel-Version", _node_info("kernelVersion"), 1),
        _text("Container-Runtime", _node_info("containerRuntimeVersion"), 1),
    ),
    "pods": (
        _NAME,
        _text("Ready", cells.pod_ready),
        _text("Status", cells.pod_status),
        Column("Restarts", cells.pod_restarts),
        _AGE,
        _text("IP", lambda obj: status(obj).get("podIP", "<none>"), 1),
        _text("Node", lambda obj: spec(obj).get("nodeName", "<none>"), 1),
        _text("Nominated Node", lambda obj: status(obj).get("nominatedNodeName", "<none>"), 1),
        _text("Readiness Gates", lambda obj: "<none>", 1),
    ),
    "services": (
        _NAME,
        _text("Type", lambda obj: spec(obj).get("type", "")),
        _text("Cluster-IP", lambda obj: spec(obj).get("clusterIP", "<none>")),
        _text("External-IP", cells.service_external),
        _text("Port(s)", cells.service_ports),
        _AGE,
        _text("Selector", lambda obj: pairs(spec(obj).get("selector")), 1),
    ),
    "endpoints": (_NAME, _text("Endpoints", cells.endpoint_addresses), _AGE),
    "configmaps": (_NAME, _number("Data", cells.data_count), _AGE),
    "secrets": (_NAME, _text("Type", lambda obj: obj.get("type", "")), _number("Data", cells.data_count), _AGE),
    "serviceaccounts": (_NAME, _number("Secrets", lambda obj: len(obj.get("secrets") or ())), _AGE),
    "events": (
        Column("Last Seen", lambda obj, now: since(cells.event_time(obj), now)),
        _text("Type", lambda obj: obj.get("type", "")),
        _text("Reason", lambda obj: obj.get("reason", "")),
        _text("Object", cells.event_object),
        _text("Subobject", lambda obj: (obj.get("involvedObject") or {}).get("fieldPath", ""), 1),
        _text("Source", cells.event_source, 1),
        _text("Message", lambda obj: obj.get("message", "").strip()),
        Column(
            "First Seen", lambda obj, now: since(obj.get("firstTimestamp") or obj.get("eventTime"), now), "string", 1
        ),
        _text("Count", lambda obj: str(obj.get("count", 1)), 1),
        _text("Name", lambda obj: obj["metadata"]["name"], 1),
    ),
    "resourcequotas": (
        _NAME,
        _text("Request", lambda obj: cells.quota(obj, limits=False)),
        _text("Limit", lambda obj: cells.quota(obj, limits=True)),
        _AGE,
    ),
    "limitranges": (_NAME, _CREATED),
    "persistentvolumeclaims": (
        _NAME,
        _text("Status", lambda obj: status(obj).get("phase", "")),
        _text("Volume", lambda obj: spec(obj).get("volumeName", "")),
        _text("Capacity", lambda obj: (status(obj).get("capacity") or {}).get("storage", "")),
        _text("Access Modes", lambda obj: joined(status(obj).get("accessModes") or (), "")),
        _text("StorageClass", lambda obj: spec(obj).get("storageClassName", "")),
        _AGE,
        _text("VolumeMode", lambda obj: spec(obj).get("volumeMode", ""), 1),
    ),
    "deployments.apps": (
        _NAME,
        _ready(lambda obj: spec(obj).get("replicas", 1)),
        _number("Up-to-date", _STATUS("updatedReplicas")),
        _number("Available", _STATUS("availableReplicas")),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ),
    "replicasets.apps": (
        _NAME,
        _number("Desired", _SPEC("replicas")),
        _number("Current", _STATUS("replicas")),
        _number("Ready", _STATUS("readyReplicas")),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ),
    "statefulsets.apps": (_NAME, _ready(lambda obj: spec(obj).get("replicas", 1)), _AGE, _CONTAINERS, _IMAGES),
    "daemonsets.apps": (
        _NAME,
        _number("Desired", _STATUS("desiredNumberScheduled")),
        _number("Current", _STATUS("currentNumberScheduled")),
        _number("Ready", _STATUS("numberReady")),
        _number("Up-to-date", _STATUS("updatedNumberScheduled")),
        _number("Available", _STATUS("numberAvailable")),
        _text("Node Selector", lambda obj: pairs(spec(spec(obj).get("template") or {}).get("nodeSelector"))),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ),
    "horizontalpodautoscalers.autoscaling": (
        _NAME,
        _text("Reference", cells.autoscaler_reference),
        _text("Targets", cells.autoscaler_targets),
        _text("MinPods", lambda obj: str(spec(obj).get("minReplicas", "<unset>"))),
        _text("MaxPods", lambda obj: str(spec(obj).get("maxReplicas", ""))),
        _text("Replicas", lambda obj: str(status(obj).get("currentReplicas", 0))),
        _AGE,
    ),
    "jobs.batch": (
        _NAME,
        _text("Status", cells.job_status),
        _text("Completions", lambda obj: f"{status(obj).get('succeeded', 0)}/{spec(obj).get('completions', 1)}"),
        Column("Duration", cells.job_duration),
        _AGE,
        _CONTAINERS,
        _IMAGES,
    ),
    "cronjobs.batch": (
        _NAME,
        _text("Schedule", lambda obj: spec(obj).get("schedule", "")),
        _text("Timezone", lambda obj: spec(obj).get("timeZone", "<none>")),
        _text("Suspend", lambda obj: str(spec(obj).get("suspend", False))),
        _number("Active", lambda obj: len(status(obj).get("active") or ())),
        Column("Last Schedule", lambda obj, now: since(status(obj).get("lastScheduleTime"), now)),
        _AGE,
    ),
    "ingresses.networking.k8s.io": (
        _NAME,
        _text("Class", lambda obj: spec(obj).get("ingressClassName", "<none>")),
        _text("Hosts", lambda obj: joined((rule.get("host", "*") for rule in spec(obj).get("rules") or ()), "*")),
        _text("Address", cells.ingress_address),
        _text("Ports", lambda obj: "80, 443" if spec(obj).get("tls") else "80"),
        _AGE,
    ),
    "networkpolicies.networking.k8s.io": (
        _NAME,
        _text("Pod-Selector", lambda obj: selector(spec(obj).get("podSelector"))),
        _AGE,
    ),
    "poddisruptionbudgets.policy": (
        _NAME,
        _text("Min Available", lambda obj: str(spec(obj).get("minAvailable", "N/A"))),
        _text("Max Unavailable", lambda obj: str(spec(obj).get("maxUnavailable", "N/A"))),
        _number("Allowed Disruptions", _STATUS("disruptionsAllowed")),
        _AGE,
    ),
    "priorityclasses.scheduling.k8s.io": (
        _NAME,
        _number("Value", lambda obj: obj.get("value", 0)),
        _text("Global-Default", lambda obj: str(obj.get("globalDefault", False)).lower()),
        _AGE,
        _text("PreemptionPolicy", lambda obj: obj.get("preemptionPolicy", "")),
    ),
    "leases.coordination.k8s.io": (_NAME, _text("Holder", lambda obj: spec(obj).get("holderIdentity", "")), _AGE),
    "roles.rbac.authorization.k8s.io": (_NAME, _CREATED),
    "clusterroles.rbac.authorization.k8s.io": (_NAME, _CREATED),
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "storageclasses.storage.k8s.io": (
        _NAME,
        _text("Provisioner", lambda obj: obj.get("provisioner", "")),
        _text("ReclaimPolicy", lambda obj: obj.get("reclaimPolicy", "")),
        _text("VolumeBindingMode", lambda obj: obj.get("volumeBindingMode", "")),
        _text("AllowVolumeExpansion", lambda obj: str(obj.get("allowVolumeExpansion", False)).lower()),
        _AGE,
    ),
}

"""Admission and allocation: the last checks of a valid object, and the values that the cluster assigns to it.

It has the parts of Kubernetes' admission plugins NamespaceLifecycle, ServiceAccount, DefaultStorageClass and
PersistentVolumeClaimResize that clients depend on, and allocates cluster IPs and node ports.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from services.simulator.api import errors
from services.simulator.controllers.pods import pod_objects
from services.simulator.controllers.scheduling.volumes import STORAGE_CLASSES, with_default_class
from services.simulator.resources import BY_KEY, Resource
from services.simulator.storage.store import Store
from shared.kube.objects import Obj, is_terminating
from shared.kube.quantities import QuantityError, parse

_SERVICE_NETWORK: Final = ipaddress.ip_network("10.96.0.0/16")
_NODE_PORTS: Final = range(30000, 32768)
_CANNOT_EXPAND: Final = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)
_KEPT_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")


def require_namespace(store: Store, resource: Resource, namespace: str, name: str) -> None:
    """Refuse a creation in a namespace that doesn't exist (404) or is terminating (403)."""
    found = store.get("namespaces", "", namespace)
    if found is None:
        raise errors.not_found(BY_KEY["namespaces"], namespace)
    if is_terminating(found):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise errors.forbidden(resource, name, why, [cause])


def refuse_kept_namespace(resource: Resource, name: str) -> None:
    """Refuse the deletion of the namespaces that every cluster has."""
    if resource.key == "namespaces" and name in _KEPT_NAMESPACES:
        raise errors.forbidden(resource, name, "this namespace may not be deleted")


def refuse_growth(store: Store, resource: Resource, live: Obj, obj: Obj) -> None:
    """Refuse the growth of a claim that isn't bound or whose StorageClass doesn't allow expansion."""
    if obj["kind"] != "PersistentVolumeClaim" or _requested(obj) <= _requested(live):
        return
    name = obj["metadata"]["name"]
    if (live.get("status") or {}).get("phase") != "Bound":
        raise errors.forbidden(resource, name, "Only bound persistent volume claims can be expanded")
    class_name = live["spec"].get("storageClassName")
    found = store.get(STORAGE_CLASSES, "", class_name) if class_name else None
    if not (found or {}).get("allowVolumeExpansion"):
        raise errors.forbidden(resource, name, _CANNOT_EXPAND)


def initial_state(store: Store, obj: Obj) -> Obj:
    """A new object with the values that the cluster sets: addresses, initial status, a namespace's finalizer."""
    match obj["kind"]:
        case "Service":
            return {**_with_addresses(store, obj, None), "status": {"loadBalancer": {}}}
        case "Namespace":
            spec = {**obj["spec"], "finalizers": ["kubernetes"]}
            return {**obj, "spec": spec, "status": {"phase": "Active"}}
        case "Pod":
            spec = pod_objects.admitted(obj["spec"])
            return {**obj, "spec": spec, "status": {"phase": "Pending", "qosClass": pod_objects.qos_class(spec)}}
        case "PersistentVolumeClaim":
            return {**obj, "spec": with_default_class(store, obj["spec"]), "status": {"phase": "Pending"}}
        case _:
            return obj


def updated_state(store: Store, live: Obj, obj: Obj) -> Obj:
    """A changed object with the values that the cluster set before, and those that its new form needs."""
    if obj["kind"] == "Service":
        return _with_addresses(store, obj, live)
    if obj["kind"] == "Namespace":
        return {**obj, "spec": {**obj["spec"], "finalizers": live["spec"].get("finalizers", [])}}
    return obj


def _requested(claim: Obj) -> Decimal:
    storage = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", 0)
    try:
        return parse(storage)
    except QuantityError:  # reported by the validation
        return Decimal(0)


def _with_addresses(store: Store, obj: Obj, live: Obj | None) -> Obj:
    spec = dict(obj["spec"])
    before = live["spec"] if live else {}
    if spec["type"] == "ExternalName":
        return obj
    if not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP") or _free_address(store)
    spec["clusterIPs"] = spec.get("clusterIPs") or [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        free = _free_node_ports(store)
        kept = {(port["port"], port["protocol"]): port.get("nodePort") for port in before.get("ports") or ()}
        spec["ports"] = [
            port
            if port.get("nodePort")
            else {**port, "nodePort": kept.get((port.get("port"), port.get("protocol"))) or next(free)}
            for port in spec.get("ports") or ()
        ]
    return {**obj, "spec": spec}


def _free_address(store: Store) -> str:
    used = {service["spec"].get("clusterIP") for service in store.list("services")}
    # The first ten addresses are reserved for the cluster's own services, as in kubeadm.
    candidates = (str(address) for address in itertools.islice(_SERVICE_NETWORK.hosts(), 10, None))
    return next(address for address in candidates if address not in used)


def _free_node_ports(store: Store) -> Iterator[int]:
    used = {port.get("nodePort") for service in store.list("services") for port in service["spec"].get("ports") or ()}
    return (port for port in _NODE_PORTS if port not in used)

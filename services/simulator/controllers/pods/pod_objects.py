"""New pods as controllers create them, and properties of pods that controllers need. Pure."""

from datetime import datetime

from services.simulator.controllers.runtime.owner_references import owned_by
from shared.kube.labels import FAULT
from shared.kube.objects import Obj, annotations_of, condition, is_terminating
from shared.kube.texts import parse_time

# Tolerations that admission adds to every pod: an unreachable node loses its pods after five minutes.
_NODE_LOSS_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for taint in ("not-ready", "unreachable")
]

# Values of the annotation FAULT.
IMAGE_PULL, CRASH_LOOP, NEVER_READY = "image-pull", "crash-loop", "never-ready"


def new_pod(owner: Obj, name: str, template: Obj, spec: Obj, *, generate_name: str | None = None) -> Obj:
    """A pod from a workload's template; `spec` is the template's after `admitted`, and pods may share it."""
    metadata = template.get("metadata") or {}
    made = {
        "name": name,
        "generateName": generate_name,
        "namespace": owner["metadata"]["namespace"],
        "labels": metadata.get("labels"),
        "annotations": metadata.get("annotations"),
        "finalizers": metadata.get("finalizers"),
        "ownerReferences": owned_by(owner),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {field: value for field, value in made.items() if value},
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": qos_class(spec)},
    }


def admitted(spec: Obj) -> Obj:
    """A pod's spec with the defaults that admission plugins set, except the service account's token volume."""
    present = {toleration.get("key") for toleration in spec.get("tolerations") or ()}
    added = [toleration for toleration in _NODE_LOSS_TOLERATIONS if toleration["key"] not in present]
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    return {
        **spec,
        "serviceAccountName": account,
        "serviceAccount": account,
        "tolerations": [*(spec.get("tolerations") or ()), *added],
        "priority": spec.get("priority", 0),
        "preemptionPolicy": spec.get("preemptionPolicy", "PreemptLowerPriority"),
        "enableServiceLinks": spec.get("enableServiceLinks", True),
    }


def qos_class(spec: Obj) -> str:
    """BestEffort, Burstable or Guaranteed, from the cpu and memory of all containers."""
    requests_seen, guaranteed = False, True
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        limits = resources.get("limits") or {}
        requests = {**limits, **(resources.get("requests") or {})}
        for name in ("cpu", "memory"):
            requests_seen = requests_seen or name in requests
            guaranteed = guaranteed and name in limits and requests.get(name) == limits[name]
    if not requests_seen:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def is_active(pod: Obj) -> bool:
    """True unless the pod has ended or is terminating."""
    return not is_terminating(pod) and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def ready_since(pod: Obj) -> datetime | None:
    """When the pod became ready; None if it isn't."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return None
    return parse_time(found["lastTransitionTime"])


def failure_of(pod: Obj) -> str | None:
    """The fault to inject into the pod, or None."""
    return annotations_of(pod).get(FAULT)


def node_of(pod: Obj) -> str:
    """The node to which the pod is bound; "" before."""
    return pod["spec"].get("nodeName") or ""

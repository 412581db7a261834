"""What the monitor keeps of each object between two samples: the fields that readings use. Pure.

The objects of a thousand tenants stay in memory. In full they would take a third of a gigabyte, most of it pod
templates and the records of who manages which field.
"""

from shared.kube.objects import Obj, condition

_POD_METADATA = ("name", "namespace", "labels", "deletionTimestamp")
_WORKLOAD_STATUS = ("conditions", "replicas", "updatedReplicas", "readyReplicas")
"""The numbers count while pods of an adopted workload have no label of ours, so that they aren't listed."""


def kept_of_pod(pod: Obj) -> Obj:
    """Its identity, its requests and whether it is ready; a pod that can't be read stays as it is."""
    try:
        metadata = {name: pod["metadata"][name] for name in _POD_METADATA if name in pod["metadata"]}
        requests = [(each["name"], (each.get("resources") or {}).get("requests")) for each in pod["spec"]["containers"]]
        containers = [{"name": name, "resources": {"requests": requested}} for name, requested in requests]
        ready = condition(pod, "Ready")
    except (KeyError, TypeError, AttributeError):
        return pod
    status = {"conditions": [{"type": "Ready", "status": ready.get("status")}]} if ready else {}
    return {"metadata": metadata, "spec": {"containers": containers}, "status": status}


def kept_of_workload(workload: Obj) -> Obj:
    """Without the containers of its template, and without managed fields unless they tell who scaled it to 0."""
    try:
        spec = dict(workload["spec"])
        if template := spec.get("template"):
            spec["template"] = {"metadata": {"labels": (template.get("metadata") or {}).get("labels")}}
        rests = spec.get("replicas") == 0
        metadata = workload["metadata"] if rests else _unmanaged(workload["metadata"])
        found = workload.get("status") or {}
        status = {name: found[name] for name in _WORKLOAD_STATUS if name in found}
    except (KeyError, TypeError, AttributeError, ValueError):
        return workload
    return {**workload, "metadata": metadata, "spec": spec, "status": status}


def kept_of_rule(rule: Obj) -> Obj:
    """An autoscaler or a disruption budget without its status."""
    try:
        return {"metadata": _unmanaged(rule["metadata"]), "spec": rule["spec"]}
    except (KeyError, TypeError, AttributeError):
        return rule


def _unmanaged(metadata: Obj) -> Obj:
    return {name: value for name, value in metadata.items() if name != "managedFields"}

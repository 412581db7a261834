"""The tenant's Namespace, which everything else is in, and its rank among the tenants."""

from collections.abc import Iterable

from services.manifest.rendering.naming import Obj, Place, selector
from shared.kube.labels import SERVICES
from shared.sla import services_annotation

_BASE = 100_000
_STEP = 10_000
"""Far below the system's classes (2,000,000,000), with room between presets for an operator's own."""


def namespace(place: Place, workloads: Iterable[Obj]) -> Obj:
    """A Namespace with the documented labels, in which Kubernetes refuses pods that are not `restricted`.

    The tenant's name, which no label could hold, is an annotation; so is what each workload needs, since one that is
    missing can't show it.
    """
    guarded = {
        f"pod-security.kubernetes.io/{mode}{what}": level
        for mode in ("enforce", "audit", "warn")
        for what, level in (("", "restricted"), ("-version", "latest"))
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": place.namespace,
            "labels": {**place.tenant_labels, **guarded},
            "annotations": {"ecp.ai/tenant-name": place.tenant_name, SERVICES: services_annotation(workloads)},
        },
    }


def priority_class(place: Place, rank: int) -> Obj:
    """The tenant's own PriorityClass, with its namespace's name since the cluster has it in common with others.

    Its value can't be changed later, so another preset has another class. It decides which pod waits for a node, and
    never whose sessions are cut off for it: hence no preemption.
    """
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": place.priority, "labels": {**selector(place.namespace), **place.tenant_labels}},
        "value": _BASE + rank * _STEP,
        "preemptionPolicy": "Never",
        "globalDefault": False,
        "description": f"Pods of tenant {place.tenant_id}, preset {place.preset}.",
    }

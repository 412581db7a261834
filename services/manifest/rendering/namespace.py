"""The tenant's Namespace and PriorityClass."""

from collections.abc import Iterable

from services.manifest.rendering.naming import TenantScope, selector
from shared.kube import labels
from shared.kube.labels import SERVICES
from shared.kube.objects import Obj
from shared.sla import services_annotation

_BASE = 100_000
_STEP = 10_000
"""Far below the system's classes (2,000,000,000), with gaps between presets for classes of an operator."""


def namespace(scope: TenantScope, workloads: Iterable[Obj]) -> Obj:
    """A Namespace with the documented labels, which enforces the Pod Security standard `restricted`.

    Annotations hold the tenant's name, which isn't a valid label value, and the replicas that each workload needs,
    which are thus known even if the workload itself is deleted.
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
            "name": scope.namespace,
            "labels": {**scope.tenant_labels, **guarded},
            "annotations": {labels.TENANT_NAME: scope.tenant_name, SERVICES: services_annotation(workloads)},
        },
    }


def priority_class(scope: TenantScope, rank: int) -> Obj:
    """The tenant's own PriorityClass. It is cluster-scoped, so its name begins with that of the namespace.

    Its value is immutable, so another preset has another class. It orders pods that wait for a node, but doesn't
    preempt, since that would end other tenants' sessions.
    """
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": scope.priority, "labels": {**selector(scope.namespace), **scope.tenant_labels}},
        "value": _BASE + rank * _STEP,
        "preemptionPolicy": "Never",
        "globalDefault": False,
        "description": f"Pods of tenant {scope.tenant_id}, preset {scope.preset}.",
    }

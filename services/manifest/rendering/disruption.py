"""The PodDisruptionBudget: how many pods of a service may be evicted at once when a node is drained."""

from services.manifest.rendering.naming import TenantScope, selector
from services.manifest.rendering.tenancy import RenderedWorkload
from shared.kube.objects import Obj


def disruption_budget(workload: RenderedWorkload, scope: TenantScope) -> Obj:
    """One at a time at any scale. `minAvailable` would block all evictions at the autoscaler's minimum."""
    return budget(scope.metadata_of(workload.name), workload.name)


def budget(metadata: Obj, app: str) -> Obj:
    """A PodDisruptionBudget for the pods of `app`; pods that aren't ready don't block an eviction."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(app)},
        },
    }

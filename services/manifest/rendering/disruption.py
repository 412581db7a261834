"""How many pods of a service may be taken away at once when a node is emptied."""

from services.manifest.rendering.naming import Obj, Place, selector
from services.manifest.rendering.tenancy import Workload


def disruption_budget(workload: Workload, place: Place) -> Obj:
    """One at a time, whatever the autoscaler has made of it: a minimum would stop all evictions when it meets that."""
    return budget(place.metadata_of(workload.name), workload.name)


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

"""The HorizontalPodAutoscaler of a workload whose load shows in its CPU."""

from services.manifest.rendering.naming import Obj, Place
from services.manifest.rendering.tenancy import Workload

_CPU_PERCENT = 70
"""Of the requests. Above it a new pod would come too late: it takes minutes to load its models."""
_CALM_SECONDS = 300
"""Seconds of a lower load before pods are removed. Kubernetes' default, made explicit: sessions end with their pod."""


def autoscaler(workload: Workload, place: Place) -> Obj:
    """Between the replicas that the sizing wants and those that the preset has room for."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": _CPU_PERCENT}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": place.metadata_of(workload.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
            "minReplicas": workload.sizing.replicas,
            "maxReplicas": workload.sizing.max_replicas,
            "metrics": [{"type": "Resource", "resource": cpu}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": _CALM_SECONDS}},
        },
    }

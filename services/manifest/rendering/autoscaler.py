"""The HorizontalPodAutoscaler of a workload whose CPU use follows its load."""

from services.manifest.rendering.naming import TenantScope
from services.manifest.rendering.tenancy import RenderedWorkload
from shared.kube.objects import Obj

_CPU_PERCENT = 70
"""Target use in percent of the requests. A higher one scales up too late: a new pod loads its models for minutes."""
_STABILIZATION_SECONDS = 300
"""Seconds of lower load before pods are removed: Kubernetes' default, explicit since sessions end with their pod."""


def autoscaler(workload: RenderedWorkload, scope: TenantScope) -> Obj:
    """Scales between the sizing's replicas and its maximum, which the preset allows or the tenant chose."""
    scaling = workload.options.autoscaling
    percent = (scaling.target_cpu_percent if scaling else None) or _CPU_PERCENT
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": scope.metadata_of(workload.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
            "minReplicas": workload.sizing.replicas,
            "maxReplicas": workload.sizing.max_replicas,
            "metrics": [{"type": "Resource", "resource": cpu}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": _STABILIZATION_SECONDS}},
        },
    }

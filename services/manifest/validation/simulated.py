"""The kinds that the simulator serves. A test compares them with the simulator, which this service can't import."""

from typing import Final

SERVED: Final[dict[str, str]] = {
    "v1": (
        "Namespace Node Pod Service Endpoints ConfigMap Secret ServiceAccount Event ResourceQuota LimitRange "
        "PersistentVolumeClaim"
    ),
    "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "Job CronJob",
    "networking.k8s.io/v1": "Ingress NetworkPolicy",
    "policy/v1": "PodDisruptionBudget",
    "scheduling.k8s.io/v1": "PriorityClass",
    "coordination.k8s.io/v1": "Lease",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "storage.k8s.io/v1": "StorageClass",
}
_KINDS = {(version, kind) for version, kinds in SERVED.items() for kind in kinds.split()}


def is_served(api_version: str, kind: str) -> bool:
    """Whether the simulator serves this kind."""
    return (api_version, kind) in _KINDS

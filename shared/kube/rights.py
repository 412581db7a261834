"""What we may do in a Kubernetes cluster: one table, from which deploy/kubernetes/rbac.yaml is made and held against.

Least privilege, as far as RBAC can express it: no wildcard, and nothing that isn't rendered, watched or asked for. A
tenant's namespace is made when it is deployed, so the rights hold in all namespaces.
"""

from collections.abc import Mapping
from typing import NamedTuple

APPLIED = ("get", "list", "watch", "create", "patch", "delete")
"""For what a manifest has: applied by server-side apply, watched until healthy and for drift, deleted."""
_FOLLOWED = ("get", "list", "watch")


class Right(NamedTuple):
    """Verbs on one kind. `resource` is its name in the API's paths."""

    api_version: str
    kind: str
    resource: str
    verbs: tuple[str, ...] = APPLIED

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]


_BASE = (
    Right("v1", "Namespace", "namespaces"),
    Right("v1", "ConfigMap", "configmaps"),
    Right("v1", "LimitRange", "limitranges"),
    Right("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Right("v1", "ResourceQuota", "resourcequotas"),
    Right("v1", "Secret", "secrets"),
    Right("v1", "Service", "services"),
    Right("v1", "ServiceAccount", "serviceaccounts"),
    Right("apps/v1", "Deployment", "deployments"),
    Right("apps/v1", "StatefulSet", "statefulsets"),
    Right("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Right("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Right("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Right("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses"),
    # Why pods aren't ready, and how much room there is.
    Right("v1", "Pod", "pods", _FOLLOWED),
    Right("apps/v1", "ReplicaSet", "replicasets", _FOLLOWED),
    Right("v1", "Event", "events", ("list",)),
    Right("v1", "Node", "nodes", ("list",)),
    # What others have put into a tenant's namespace: a deletion spares it.
    Right("apps/v1", "DaemonSet", "daemonsets", ("list",)),
    Right("batch/v1", "CronJob", "cronjobs", ("list",)),
    Right("batch/v1", "Job", "jobs", ("list",)),
    Right("rbac.authorization.k8s.io/v1", "Role", "roles", ("list",)),
    Right("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", ("list",)),
)

DEPLOYER: Mapping[str, tuple[Right, ...]] = {
    "": _BASE,
    "include_ingress": (Right("networking.k8s.io/v1", "Ingress", "ingresses"),),
    "prometheus_operator": (
        Right("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
        Right("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
    ),
    "external_secrets": (Right("external-secrets.io/v1", "ExternalSecret", "externalsecrets"),),
}
"""The deployer's, by the option of a deployment that needs them; `""` is needed by all."""

MONITOR = (
    Right("v1", "Pod", "pods", ("list",)),
    Right("apps/v1", "Deployment", "deployments", ("list",)),
    Right("apps/v1", "StatefulSet", "statefulsets", ("list",)),
    Right("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("list",)),
    Right("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", ("list",)),
    Right("metrics.k8s.io/v1beta1", "PodMetrics", "pods", ("list",)),
)
"""The monitor's: it reads."""

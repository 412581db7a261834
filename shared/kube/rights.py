"""What we may do in a Kubernetes cluster: one table, from which deploy/kubernetes/rbac.yaml is made and held against.

Least privilege, as far as RBAC can express it: no wildcard, and nothing that isn't rendered, watched or asked for. A
tenant's namespace is made when it is deployed, so the rights hold in all namespaces.
"""

from collections.abc import Mapping
from typing import NamedTuple

from shared.kube.kinds import KINDS

APPLIED = ("get", "list", "watch", "create", "patch", "delete")
"""For what a manifest has: applied by server-side apply, watched until healthy and for drift, deleted."""
_FOLLOWED = ("get", "list", "watch")


class Right(NamedTuple):
    """Verbs that are allowed on one kind."""

    kind: str
    verbs: tuple[str, ...] = APPLIED

    @property
    def api_version(self) -> str:
        return KINDS[self.kind].kind.api_version

    @property
    def group(self) -> str:
        return KINDS[self.kind].kind.group

    @property
    def resource(self) -> str:
        """The plural, as RBAC rules and paths have it."""
        return KINDS[self.kind].plural


_BASE = (
    Right("Namespace"),
    Right("ConfigMap"),
    Right("LimitRange"),
    Right("PersistentVolumeClaim"),
    Right("ResourceQuota"),
    Right("Secret"),
    Right("Service"),
    Right("ServiceAccount"),
    Right("Deployment"),
    Right("StatefulSet"),
    Right("HorizontalPodAutoscaler"),
    Right("NetworkPolicy"),
    Right("PodDisruptionBudget"),
    Right("PriorityClass"),
    # Why pods aren't ready, and how much room there is.
    Right("Pod", _FOLLOWED),
    Right("ReplicaSet", _FOLLOWED),
    Right("Event", ("list",)),
    Right("Node", ("list",)),
    # What others have put into a tenant's namespace: a deletion spares it.
    Right("DaemonSet", ("list",)),
    Right("CronJob", ("list",)),
    Right("Job", ("list",)),
    Right("Role", ("list",)),
    Right("RoleBinding", ("list",)),
)

DEPLOYER: Mapping[str, tuple[Right, ...]] = {
    "": _BASE,
    "include_ingress": (Right("Ingress"),),
    "prometheus_operator": (
        Right("ServiceMonitor"),
        Right("PrometheusRule"),
    ),
    "external_secrets": (Right("ExternalSecret"),),
}
"""The deployer's, by the option of a deployment that needs them; `""` is needed by all."""

MONITOR = (
    Right("Pod", ("list", "watch")),
    Right("Deployment", ("list", "watch")),
    Right("StatefulSet", ("list", "watch")),
    Right("HorizontalPodAutoscaler", ("list", "watch")),
    Right("PodDisruptionBudget", ("list", "watch")),
    Right("PodMetrics", ("list",)),
)
"""The monitor's: it reads."""

"""The table of the Kubernetes kinds that any service handles: group and version, plural, scope. Pure.

The OpenAPI definitions have neither plurals nor scopes, and a client that asks the API server for them (discovery)
needs a connection. What a service does with a kind (which verbs, which controller) stays with that service.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class Kind(NamedTuple):
    """A kind in one version of its group, such as `Kind("apps/v1", "Deployment")`."""

    api_version: str
    kind: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group, such as `v1`."""
        return self.api_version.rpartition("/")[2]


class KindInfo(NamedTuple):
    """How the API serves a kind. `plural` is the kind's name in paths and RBAC rules."""

    kind: Kind
    plural: str
    namespaced: bool = True

    @property
    def path(self) -> str:
        """The path that lists the kind in all namespaces, such as `/apis/apps/v1/deployments`."""
        return f"/{'apis' if self.kind.group else 'api'}/{self.kind.api_version}/{self.plural}"

    @property
    def resource(self) -> str:
        """Plural and group, such as `deployments.apps`; `pods` in the core group."""
        return f"{self.plural}.{self.kind.group}" if self.kind.group else self.plural


_RBAC, _ADMISSION = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"
_NAMESPACED: Final[tuple[tuple[str, str, str], ...]] = (
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "Endpoints", "endpoints"),
    ("v1", "Event", "events"),
    ("v1", "LimitRange", "limitranges"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("v1", "Pod", "pods"),
    ("v1", "ResourceQuota", "resourcequotas"),
    ("v1", "Secret", "secrets"),
    ("v1", "Service", "services"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "ReplicaSet", "replicasets"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("batch/v1", "Job", "jobs"),
    ("coordination.k8s.io/v1", "Lease", "leases"),
    ("external-secrets.io/v1", "ExternalSecret", "externalsecrets"),
    ("metrics.k8s.io/v1beta1", "PodMetrics", "pods"),
    ("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
    ("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    (_RBAC, "Role", "roles"),
    (_RBAC, "RoleBinding", "rolebindings"),
)
_CLUSTER_SCOPED: Final[tuple[tuple[str, str, str], ...]] = (
    ("v1", "Namespace", "namespaces"),
    ("v1", "Node", "nodes"),
    ("v1", "PersistentVolume", "persistentvolumes"),
    (_ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    (_ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
    ("apiregistration.k8s.io/v1", "APIService", "apiservices"),
    ("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews"),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    ("metrics.k8s.io/v1beta1", "NodeMetrics", "nodes"),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses"),
    ("node.k8s.io/v1", "RuntimeClass", "runtimeclasses"),
    (_RBAC, "ClusterRole", "clusterroles"),
    (_RBAC, "ClusterRoleBinding", "clusterrolebindings"),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses"),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses"),
)

KINDS: Final[Mapping[str, KindInfo]] = {
    name: KindInfo(Kind(api_version, name), plural, namespaced)
    for table, namespaced in ((_NAMESPACED, True), (_CLUSTER_SCOPED, False))
    for api_version, name, plural in table
}
"""Each kind by its name: in the version that we use, no two groups have a kind of the same name."""

CLUSTER_SCOPED: Final[frozenset[str]] = frozenset(name for name, info in KINDS.items() if not info.namespaced)
"""Names of kinds whose objects have no namespace."""

SIMULATED: Final[frozenset[str]] = frozenset(KINDS) - {
    *("APIService", "CustomResourceDefinition", "ExternalSecret", "IngressClass", "MutatingWebhookConfiguration"),
    *("NodeMetrics", "PersistentVolume", "PodMetrics", "PrometheusRule", "RuntimeClass", "SelfSubjectAccessReview"),
    *("SelfSubjectReview", "ServiceMonitor", "ValidatingWebhookConfiguration"),
}
"""Names of the kinds that the simulator stores; a test compares them with its resources."""


def is_simulated(api_version: str, kind: str) -> bool:
    """Whether the simulator stores objects of this kind in this version."""
    return kind in SIMULATED and KINDS[kind].kind.api_version == api_version


def kind_of(obj: Mapping[str, Any]) -> Kind:
    """The kind of an object that has `apiVersion` and `kind` (the items of a list have neither)."""
    return Kind(obj["apiVersion"], obj["kind"])

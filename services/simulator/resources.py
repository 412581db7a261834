"""The registry of what the simulated API serves: one line a resource.

Paths, verbs, short names and categories are not in Kubernetes' OpenAPI definitions, so they stand here. A resource
in this table is stored, validated, applied, listed and watched; that some controller acts on it is another matter
(see `controllers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS: Final = ("get", "list")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource type. `group` is empty for the core group; `computed` ones are answered by code and not stored."""

    group: str
    version: str
    kind: str
    plural: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    computed: bool = False

    @property
    def key(self) -> str:
        """What the store and error messages call it: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources


_AUTOSCALING, _RBAC, _METRICS = "autoscaling", "rbac.authorization.k8s.io", "metrics.k8s.io"
_STATUS, _SCALE = ("status",), ("status", "scale")
_ALL = ("all",)

RESOURCES: Final[tuple[Resource, ...]] = (
    Resource("", "v1", "Namespace", "namespaces", ("ns",), False, ("status", "finalize")),
    Resource("", "v1", "Node", "nodes", ("no",), False, _STATUS),
    Resource("", "v1", "Pod", "pods", ("po",), True, ("status", "log"), _ALL),
    Resource("", "v1", "Service", "services", ("svc",), True, _STATUS, _ALL),
    Resource("", "v1", "Endpoints", "endpoints", ("ep",)),
    Resource("", "v1", "ConfigMap", "configmaps", ("cm",)),
    Resource("", "v1", "Secret", "secrets"),
    Resource("", "v1", "ServiceAccount", "serviceaccounts", ("sa",)),
    Resource("", "v1", "Event", "events", ("ev",)),
    Resource("", "v1", "ResourceQuota", "resourcequotas", ("quota",), True, _STATUS),
    Resource("", "v1", "LimitRange", "limitranges", ("limits",)),
    Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", ("pvc",), True, _STATUS),
    Resource("apps", "v1", "Deployment", "deployments", ("deploy",), True, _SCALE, _ALL),
    Resource("apps", "v1", "ReplicaSet", "replicasets", ("rs",), True, _SCALE, _ALL),
    Resource("apps", "v1", "StatefulSet", "statefulsets", ("sts",), True, _SCALE, _ALL),
    Resource("apps", "v1", "DaemonSet", "daemonsets", ("ds",), True, _STATUS, _ALL),
    Resource(_AUTOSCALING, "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("hpa",), True, _STATUS, _ALL),
    Resource("batch", "v1", "Job", "jobs", (), True, _STATUS, _ALL),
    Resource("batch", "v1", "CronJob", "cronjobs", ("cj",), True, _STATUS, _ALL),
    Resource("networking.k8s.io", "v1", "Ingress", "ingresses", ("ing",), True, _STATUS),
    Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", ("netpol",)),
    Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ("pdb",), True, _STATUS),
    Resource("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", ("pc",), False),
    Resource("coordination.k8s.io", "v1", "Lease", "leases"),
    Resource(_RBAC, "v1", "Role", "roles"),
    Resource(_RBAC, "v1", "RoleBinding", "rolebindings"),
    Resource(_RBAC, "v1", "ClusterRole", "clusterroles", (), False),
    Resource(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", (), False),
    Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", ("sc",), False),
    Resource(
        *("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", (), False),
        verbs=("create",),
        computed=True,
    ),
    Resource(_METRICS, "v1beta1", "PodMetrics", "pods", verbs=READ_VERBS, computed=True),
    Resource(_METRICS, "v1beta1", "NodeMetrics", "nodes", (), False, verbs=READ_VERBS, computed=True),
)

BY_PATH: Final[Mapping[tuple[str, str, str], Resource]] = {(r.group, r.version, r.plural): r for r in RESOURCES}
BY_KEY: Final[Mapping[str, Resource]] = {r.key: r for r in RESOURCES}


def groups() -> Mapping[str, tuple[Resource, ...]]:
    """Resources by group, in the table's order; each group has one version."""
    found: dict[str, list[Resource]] = {}
    for resource in RESOURCES:
        found.setdefault(resource.group, []).append(resource)
    return {group: tuple(members) for group, members in found.items()}

"""The resources that the simulated API serves, one line each. Pure.

Short names, subresources, categories and verbs are not in Kubernetes' OpenAPI definitions, so this table has them.
The API stores, validates, applies, lists and watches every resource in it; not every one has a controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.kube.kinds import KINDS

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS: Final = ("get", "list")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource type. `group` is empty for the core group; a `computed` one has no stored objects."""

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


_STATUS, _SCALE = ("status",), ("status", "scale")
_ALL = ("all",)


def _resource(
    kind: str,
    short_names: tuple[str, ...] = (),
    subresources: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    verbs: tuple[str, ...] = ALL_VERBS,
    *,
    computed: bool = False,
) -> Resource:
    """The resource of a kind; group, version, plural and scope are those of the table of kinds."""
    info = KINDS[kind]
    names = (info.kind.group, info.kind.version, kind, info.plural)
    return Resource(*names, short_names, info.namespaced, subresources, categories, verbs, computed)


RESOURCES: Final[tuple[Resource, ...]] = (
    _resource("Namespace", ("ns",), ("status", "finalize")),
    _resource("Node", ("no",), _STATUS),
    _resource("Pod", ("po",), ("status", "log"), _ALL),
    _resource("Service", ("svc",), _STATUS, _ALL),
    _resource("Endpoints", ("ep",)),
    _resource("ConfigMap", ("cm",)),
    _resource("Secret"),
    _resource("ServiceAccount", ("sa",), ("token",)),
    _resource("Event", ("ev",)),
    _resource("ResourceQuota", ("quota",), _STATUS),
    _resource("LimitRange", ("limits",)),
    _resource("PersistentVolumeClaim", ("pvc",), _STATUS),
    _resource("Deployment", ("deploy",), _SCALE, _ALL),
    _resource("ReplicaSet", ("rs",), _SCALE, _ALL),
    _resource("StatefulSet", ("sts",), _SCALE, _ALL),
    _resource("DaemonSet", ("ds",), _STATUS, _ALL),
    _resource("HorizontalPodAutoscaler", ("hpa",), _STATUS, _ALL),
    _resource("Job", (), _STATUS, _ALL),
    _resource("CronJob", ("cj",), _STATUS, _ALL),
    _resource("Ingress", ("ing",), _STATUS),
    _resource("NetworkPolicy", ("netpol",)),
    _resource("PodDisruptionBudget", ("pdb",), _STATUS),
    _resource("PriorityClass", ("pc",)),
    _resource("Lease"),
    _resource("Role"),
    _resource("RoleBinding"),
    _resource("ClusterRole"),
    _resource("ClusterRoleBinding"),
    _resource("StorageClass", ("sc",)),
    _resource("SelfSubjectAccessReview", verbs=("create",), computed=True),
    _resource("SelfSubjectReview", verbs=("create",), computed=True),
    _resource("PodMetrics", verbs=READ_VERBS, computed=True),
    _resource("NodeMetrics", verbs=READ_VERBS, computed=True),
)

BY_PATH: Final[Mapping[tuple[str, str, str], Resource]] = {(r.group, r.version, r.plural): r for r in RESOURCES}
BY_KEY: Final[Mapping[str, Resource]] = {r.key: r for r in RESOURCES}


def groups() -> Mapping[str, tuple[Resource, ...]]:
    """Resources by group, in the table's order; each group has one version."""
    found: dict[str, list[Resource]] = {}
    for resource in RESOURCES:
        found.setdefault(resource.group, []).append(resource)
    return {group: tuple(members) for group, members in found.items()}

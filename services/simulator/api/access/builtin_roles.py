"""The roles and bindings that Kubernetes makes by itself, as far as the simulator's API has what they are for.

`admin`, `edit` and `view` are made from the table of resources, by the rules of Kubernetes' own: `view` sees no Secrets
and no roles, `edit` changes what runs, `admin` also roles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from services.simulator.api.access.rbac import EVERYTHING, GROUP
from services.simulator.api.access.users import AUTHENTICATED, MASTERS
from services.simulator.resources import ALL_VERBS, RESOURCES, groups
from shared.kube.objects import Obj

_READ: Final = ("get", "list", "watch")
_WRITE: Final = tuple(verb for verb in ALL_VERBS if verb not in _READ)
_DESCRIPTIONS: Final = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/")
_PROBES: Final = ("/healthz", "/livez", "/readyz")
_SECRET: Final = frozenset({"secrets"})
_ROLES: Final = frozenset({"roles", "rolebindings"})
_FIXED: Final = frozenset({"limitranges", "resourcequotas"})
"""Bounds of a namespace, which its own users only read."""


def objects() -> Iterator[tuple[str, Obj]]:
    """Each role and binding, with the name of its resource in the store."""
    for name, rules in _ROLE_RULES.items():
        yield f"clusterroles.{GROUP}", {**_head("ClusterRole", name), "rules": rules}
    for name, group in _BOUND.items():
        subject = {"kind": "Group", "apiGroup": GROUP, "name": group}
        reference = {"kind": "ClusterRole", "apiGroup": GROUP, "name": name}
        head = _head("ClusterRoleBinding", name)
        yield f"clusterrolebindings.{GROUP}", {**head, "subjects": [subject], "roleRef": reference}


def _head(kind: str, name: str) -> Obj:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, "labels": labels}}


def _rule(verbs: Collection[str], group: str, resources: Collection[str]) -> Obj:
    return {"verbs": list(verbs), "apiGroups": [group], "resources": list(resources)}


def _of_namespaces(verbs: Collection[str], without: Collection[str]) -> list[Obj]:
    """A rule for each group, for its resources in namespaces, with the parts that these verbs apply to."""
    found = []
    for group, members in groups().items():
        named = [each for each in members if each.namespaced and each.plural not in without and not each.computed]
        parts = [f"{each.plural}/{part}" for each in named for part in each.subresources if part != "token"]
        resources = [each.plural for each in named] + parts
        if resources:
            found.append(_rule(verbs, group, resources))
    return found


def _computed(group: str) -> list[str]:
    return [each.plural for each in RESOURCES if each.group == group and each.computed]


_VIEW: Final = [*_of_namespaces(_READ, _SECRET | _ROLES), _rule(_READ, "", ["namespaces"])]
_EDIT: Final = [*_VIEW, _rule(_READ, "", _SECRET), *_of_namespaces(_WRITE, _ROLES | _FIXED)]
_ROLE_RULES: Final[dict[str, list[Obj]]] = {
    "cluster-admin": list(EVERYTHING),
    "view": _VIEW,
    "edit": _EDIT,
    "admin": [*_EDIT, _rule(ALL_VERBS, GROUP, sorted(_ROLES))],
    "system:basic-user": [
        _rule(["create"], "authorization.k8s.io", _computed("authorization.k8s.io")),
        _rule(["create"], "authentication.k8s.io", _computed("authentication.k8s.io")),
    ],
    "system:discovery": [{"verbs": ["get"], "nonResourceURLs": [*_DESCRIPTIONS, *_PROBES]}],
}
_BOUND: Final = {"cluster-admin": MASTERS, "system:basic-user": AUTHENTICATED, "system:discovery": AUTHENTICATED}
"""The group that has each role everywhere."""

"""RBAC: the rules that a user has by the roles and bindings of the cluster, read from the store at each request.

As in Kubernetes, a ClusterRoleBinding holds everywhere, a RoleBinding in its namespace. A binding to a role that
doesn't exist grants nothing, and is named in the refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.simulator.api.access import rules
from services.simulator.api.access.rules import Attributes
from services.simulator.api.access.users import User, account_name
from services.simulator.storage.store import Store
from shared.kube.objects import Obj

GROUP: Final = "rbac.authorization.k8s.io"
EVERYTHING: Final[tuple[Obj, ...]] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
"""The rules of `cluster-admin`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed; `reason` names roles that are missing."""

    allowed: bool
    reason: str = ""


class Rbac:
    """The roles and bindings of one cluster."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def decide(self, user: User, wanted: Attributes) -> Decision:
        """Whether the user may do what the request asks for."""
        if user.is_master:
            return Decision(allowed=True)
        missing: list[str] = []
        for namespace, reference in self._granted(user, wanted.namespace):
            role = self.role(namespace, reference)
            if role is None:
                kind = str(reference.get("kind", "")).lower()
                missing.append(f'{kind}.{GROUP} "{reference.get("name", "")}" not found')
            elif any(rules.allows(rule, wanted) for rule in role.get("rules") or ()):
                return Decision(allowed=True)
        return Decision(allowed=False, reason=f"RBAC: {_listed(missing)}" if missing else "")

    def rules(self, user: User, namespace: str) -> list[Obj]:
        """All rules that the user has in a namespace; for "", those that hold in the whole cluster."""
        if user.is_master:
            return list(EVERYTHING)
        roles = [self.role(where, reference) or {} for where, reference in self._granted(user, namespace)]
        return [rule for role in roles for rule in role.get("rules") or ()]

    def role(self, namespace: str, reference: Obj) -> Obj | None:
        """The role that a binding in `namespace` refers to; None if there is none."""
        name = str(reference.get("name", ""))
        if reference.get("kind") == "ClusterRole":
            return self._store.get(f"clusterroles.{GROUP}", "", name)
        return self._store.get(f"roles.{GROUP}", namespace, name) if namespace else None

    def _granted(self, user: User, namespace: str) -> Iterator[tuple[str, Obj]]:
        """Namespace and `roleRef` of each binding of the user."""
        bindings = self._store.list(f"clusterrolebindings.{GROUP}")
        if namespace:
            bindings = [*bindings, *self._store.list(f"rolebindings.{GROUP}", namespace)]
        for binding in bindings:
            where = binding["metadata"].get("namespace", "")
            if any(_is(user, subject, where) for subject in binding.get("subjects") or ()):
                yield where, binding.get("roleRef") or {}


def _is(user: User, subject: Obj, namespace: str) -> bool:
    """Whether a binding's subject means the user."""
    name = str(subject.get("name", ""))
    match subject.get("kind"):
        case "User":
            return user.name == name
        case "Group":
            return name in user.groups
        case "ServiceAccount":
            return user.name == account_name(str(subject.get("namespace") or namespace), name)
    return False


def _listed(problems: list[str]) -> str:
    return problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"

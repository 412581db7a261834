"""What one request may do: its user with the rules of its cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.simulator.api import errors
from services.simulator.api.access import rules, users
from services.simulator.api.access.rbac import GROUP, Decision, Rbac
from services.simulator.api.access.rules import Attributes
from services.simulator.api.access.users import User
from shared.kube.objects import Obj

_ROLES: Final = ("Role", "ClusterRole")
_BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")
_MOST_LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class Access:
    """Without a user the request came by the port without TLS; without `rbac` a token of ours may do everything."""

    user: User | None = None
    rbac: Rbac | None = None

    def decide(self, wanted: Attributes) -> Decision:
        """Whether the request is allowed."""
        if self.user is None:
            return Decision(allowed=True)
        if self.rbac is None:
            return Decision(allowed=self.user.is_ours)
        return self.rbac.decide(self.user, wanted)

    def require(self, wanted: Attributes) -> None:
        """Raise ApiError 403, in Kubernetes' words, unless the request is allowed."""
        decision = self.decide(wanted)
        if not decision.allowed and self.user is not None:
            why = wanted.sentence(self.user.name) + (f": {decision.reason}" if decision.reason else "")
            raise errors.denied(wanted.group, wanted.resource, wanted.name, why)

    def impersonating(self, name: str, groups: tuple[str, ...]) -> Access:
        """The same as another user, which needs the verb `impersonate`. Raises ApiError 403."""
        account = users.split_account(name)
        if account is None:
            self.require(Attributes("impersonate", resource="users", name=name))
        else:
            self.require(Attributes("impersonate", resource="serviceaccounts", namespace=account[0], name=account[1]))
        for group in groups:
            self.require(Attributes("impersonate", resource="groups", name=group))
        return Access(User(name, users.impersonated_groups(name, groups)), self.rbac)

    def refuse_escalation(self, obj: Obj) -> None:
        """Raise ApiError 403 if a role or a binding would grant more than the user has.

        As in Kubernetes, the verb `escalate` on the role, or `bind` on the role of a binding, is the exception.
        """
        if self.user is None or self.rbac is None or obj["kind"] not in (*_ROLES, *_BINDINGS):
            return
        namespace = obj["metadata"].get("namespace", "")
        granted, exempting = self._granted(obj, namespace)
        if self.decide(exempting).allowed:
            return
        if granted is None:
            # Else it would grant whatever a role of that name is made of later.
            raise errors.no_role(GROUP, exempting.resource, exempting.name)
        missing = rules.uncovered(self.rbac.rules(self.user, namespace), granted)
        if missing:
            groups = " ".join(f'"{group}"' for group in self.user.groups)
            listed = "\n".join(map(rules.compact, missing[:_MOST_LISTED]))
            why = f'user "{self.user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions'
            why += f" not currently held:\n{listed}"
            raise errors.denied(GROUP, f"{obj['kind'].lower()}s", obj["metadata"].get("name", ""), why)

    def _granted(self, obj: Obj, namespace: str) -> tuple[list[Obj] | None, Attributes]:
        """The rules that the object grants, None for those of a role that doesn't exist; and what exempts from both."""
        if obj["kind"] in _ROLES:
            name, plural = obj["metadata"].get("name", ""), f"{obj['kind'].lower()}s"
            return list(obj.get("rules") or ()), Attributes("escalate", GROUP, plural, "", namespace, name)
        reference = obj.get("roleRef") or {}
        role = self.rbac.role(namespace, reference) if self.rbac else None
        plural = f"{str(reference.get('kind', '')).lower()}s"
        bind = Attributes("bind", GROUP, plural, "", namespace, str(reference.get("name", "")))
        return None if role is None else list(role.get("rules") or ()), bind


EVERYTHING: Final = Access()
"""Of requests by the port without TLS."""

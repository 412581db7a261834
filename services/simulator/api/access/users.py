"""Users as Kubernetes names them: people, service accounts and groups. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AUTHENTICATED: Final = "system:authenticated"
"""The group of every user."""
ANONYMOUS: Final = "system:anonymous"
"""The user without a credential. Every request needs one here, but administrators ask what it may do."""
UNAUTHENTICATED: Final = "system:unauthenticated"
MASTERS: Final = "system:masters"
"""The group that may do everything, whatever the roles are."""
AUDIENCE: Final = "https://kubernetes.default.svc.cluster.local"
"""For whom a service account's token is, unless its request names others."""
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
_PROVIDER: Final = "oidc:"
"""In front of names and groups that the identity provider gives, so that none can be one of Kubernetes' own."""
_ADMIN: Final = "admin"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """A user with its groups."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    @property
    def is_master(self) -> bool:
        return MASTERS in self.groups

    @property
    def is_ours(self) -> bool:
        """Whether the simulator has made the token, so that without RBAC it is enough."""
        return self.is_master or SERVICE_ACCOUNTS in self.groups


ADMINISTRATOR: Final = User("kubernetes-admin", (MASTERS, AUTHENTICATED))
"""The user of the simulator's own kubeconfig."""


def account_name(namespace: str, name: str) -> str:
    """The user name of a service account."""
    return f"{_SERVICE_ACCOUNT}{namespace}:{name}"


def service_account(namespace: str, name: str, uid: str = "") -> User:
    """The user of a service account."""
    groups = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED)
    return User(account_name(namespace, name), groups, uid)


def from_provider(subject: str, role: str | None) -> User:
    """The user of a token of the identity provider: its administrators may do everything, others what roles allow."""
    roles = () if role is None else (f"{_PROVIDER}{role}",)
    masters = (MASTERS,) if role == _ADMIN else ()
    return User(f"{_PROVIDER}{subject}", (*roles, *masters, AUTHENTICATED))


def split_account(user_name: str) -> tuple[str, str] | None:
    """Namespace and name of the service account with this user name; None for another user."""
    namespace, separator, name = user_name.removeprefix(_SERVICE_ACCOUNT).partition(":")
    return (namespace, name) if user_name.startswith(_SERVICE_ACCOUNT) and separator and name else None


def impersonated_groups(name: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """The groups of an impersonated user, as Kubernetes completes those that the request names."""
    account = split_account(name)
    groups = service_account(*account).groups if account is not None and not given else given
    is_anonymous = name == ANONYMOUS or UNAUTHENTICATED in given
    return tuple(dict.fromkeys((*groups, UNAUTHENTICATED if is_anonymous else AUTHENTICATED)))

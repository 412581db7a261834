"""Who calls, whatever proved it: a token, an API key, an account of the bus, or nothing while authentication is off."""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. Each role may do what the ones before it may."""

    VIEWER = "viewer"
    """Reads."""
    OPERATOR = "operator"
    """Deploys, stops, starts, restarts, rolls back."""
    TENANT_ADMIN = "tenant_admin"
    """Creates tenants, changes and deletes its own."""
    ADMIN = "admin"
    """Everything, for all tenants: keys, settings, the audit trail."""

    def includes(self, other: "Role") -> bool:
        """Whether it may do what `other` may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Role)


class CallerKind(StrEnum):
    """What a caller was recognised by."""

    NONE = "none"
    """Nothing: the request carried no proof, or isn't checked yet."""
    LOCAL = "local"
    """Authentication is off."""
    PERSON = "person"
    """A token of the identity provider, of a person or of a program."""
    KEY = "key"
    """An API key of ours."""
    SYSTEM = "system"
    """An account of the bus."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller. `tenants` are the ids of the tenants that it may see; None is every tenant."""

    subject: str
    """The `sub` of a token, the id of a key, the name of a system; empty if unknown."""
    kind: CallerKind
    role: Role | None = None
    """The highest of its roles; None may nothing."""
    tenants: frozenset[str] | None = frozenset()
    email: str | None = None
    expires_at: float | None = None
    """Unix seconds at which its proof ends; None never."""
    proven_by: str | None = field(default=None, repr=False)
    """Of an API key: which of its secrets, by the hash that is stored of it. What is made with one ends with it."""

    def has(self, role: Role) -> bool:
        """Whether it may do what `role` may."""
        return self.role is not None and self.role.includes(role)

    def may_see(self, tenant_id: str) -> bool:
        """Whether the tenant exists for this caller."""
        return self.tenants is None or tenant_id in self.tenants


UNAUTHENTICATED = Caller("", CallerKind.NONE)
LOCAL = Caller("local", CallerKind.LOCAL, Role.ADMIN, None)
"""Every caller while authentication is off."""

"""Who may see a tenant, and what a caller may do."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.identity.caller import CallerKind, Role
from shared.tenants import Model

GrantedKind = Literal["person", "key", "system"]
"""The kinds of callers that can be given a tenant."""


class TenantGrant(Model):
    """A caller that was given a tenant, besides those whose token or key names it."""

    kind: GrantedKind
    subject: str = Field(examples=["248289761001"])
    """The `sub` of a person's token, the id of a key, or the name of a system on the bus."""
    granted_by: str
    """Kind and subject of the one who gave it; for its creator, its own."""
    granted_at: AwareDatetime


class TenantAccess(Model):
    """The callers that were given a tenant. Administrators, and callers whose token or key names it, aren't listed."""

    tenant_id: str
    access: list[TenantGrant]
    """The oldest first."""


class Me(Model):
    """The caller of this request."""

    subject: str
    kind: CallerKind
    """How it was recognised; `local` while authentication is off."""
    role: Role | None
    """The highest of its roles; null may nothing."""
    email: str | None
    tenants: list[str] | None
    """The ids of the tenants that it may see in this mode; null for every tenant."""
    permissions: list[str] = Field(examples=[["create", "adopt"]])
    """What it may do besides the operations on a tenant, which the tenant's answer lists."""

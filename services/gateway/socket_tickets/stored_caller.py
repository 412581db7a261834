"""A caller as a ticket stores it. Pure."""

from typing import Any

from shared.identity.caller import Caller, CallerKind, Role


def to_fields(caller: Caller) -> dict[str, Any]:
    """The caller as JSON."""
    return {
        "subject": caller.subject,
        "kind": caller.kind.value,
        "role": caller.role.value if caller.role is not None else None,
        "tenants": sorted(caller.tenants) if caller.tenants is not None else None,
        "email": caller.email,
        "expires_at": caller.expires_at,
        "proven_by": caller.proven_by,
    }


def from_fields(fields: dict[str, Any]) -> Caller:
    """The caller of `to_fields`."""
    tenants = fields["tenants"]
    return Caller(
        fields["subject"],
        CallerKind(fields["kind"]),
        Role(fields["role"]) if fields["role"] is not None else None,
        frozenset(tenants) if tenants is not None else None,
        fields["email"],
        fields["expires_at"],
        fields["proven_by"],
    )

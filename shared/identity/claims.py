"""The caller that a token's claims name. Where roles and tenants are differs between providers, so it is set. Pure.

A path is the names of a claim and of the fields in it, joined by dots: Keycloak's `realm_access.roles`. A claim whose
own name has dots, such as `https://example.com/roles`, is found as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.identity.caller import Caller, CallerKind, Role
from shared.identity.token_rules import Claims, lacking, time_of

_LONGEST_SUBJECT: Final = 255
"""Characters, by OpenID Connect."""
_LONGEST_EMAIL: Final = 320
_MOST_TENANTS: Final = 2000
_LONGEST_TENANT: Final = 100


@dataclass(frozen=True, slots=True)
class ClaimPaths:
    """Where a token names the caller, its roles and its tenants. Of several paths all count."""

    subject: str = "sub"
    email: str = "email"
    roles: tuple[str, ...] = ("roles", "realm_access.roles")
    tenants: tuple[str, ...] = ("tenant_access",)
    role_prefix: str = ""
    """What precedes our roles among those of other programs: `ecp-` for `ecp-viewer`."""


def caller_of(claims: Claims, paths: ClaimPaths) -> Caller:
    """The caller that checked claims name. Unknown roles are ignored. Raises Refused without a usable subject."""
    subject = _value(claims, paths.subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise lacking(paths.subject)
    email = _value(claims, paths.email)
    role = _highest(_texts(claims, paths.roles), paths.role_prefix)
    return Caller(
        subject,
        CallerKind.PERSON,
        role,
        None if role is Role.ADMIN else frozenset(filter(_is_storable, _texts(claims, paths.tenants))),
        email if isinstance(email, str) and len(email) <= _LONGEST_EMAIL and email.isprintable() else None,
        time_of(claims, "exp"),
    )


def _highest(names: Sequence[str], prefix: str) -> Role | None:
    known = {f"{prefix}{role}": role for role in Role}
    found = [known[name] for name in names if name in known]
    return max(found, key=list(Role).index, default=None)


def _is_storable(tenant_id: str) -> bool:
    """PostgreSQL refuses the others with an error, and no tenant has such an id."""
    return len(tenant_id) <= _LONGEST_TENANT and tenant_id.isprintable()


def _texts(claims: Claims, paths: Sequence[str]) -> list[str]:
    """The texts at `paths`: lists of texts, or one text with spaces between them, as scopes are written."""
    return [text for path in paths for text in _listed(_value(claims, path))][:_MOST_TENANTS]


def _listed(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.split()
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str) and each)


def _value(claims: Any, path: str) -> Any:
    """What is at `path`, or None."""
    if not isinstance(claims, Mapping):
        return None
    if path in claims:
        return claims[path]
    for position, letter in enumerate(path):
        if letter == "." and path[:position] in claims:
            return _value(claims[path[:position]], path[position + 1 :])
    return None

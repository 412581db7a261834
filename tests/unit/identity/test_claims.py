"""The caller that claims name, by the layouts of several providers."""

from typing import Any

import pytest

from shared.errors import Refused
from shared.identity.caller import Role
from shared.identity.claims import ClaimPaths, caller_of

PATHS = ClaimPaths()
KEYCLOAK = {
    "exp": 2_000_000_000,
    "sub": "f7c1b0c2-3b2a-4d43-b1f0-0a2b1c3d4e5f",
    "typ": "Bearer",
    "azp": "ecp",
    "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-company", "operator"]},
    "resource_access": {"account": {"roles": ["manage-account", "admin"]}, "ecp.web": {"roles": ["tenant_admin"]}},
    "tenant_access": ["my-ai-service", "other"],
    "email": "user@example.com",
}
"""A token of Keycloak 26 with its default scopes, shortened, and a mapper for `tenant_access`."""


def role_of(claims: dict[str, Any], **paths: Any) -> Role | None:
    return caller_of({"sub": "user-1", **claims}, ClaimPaths(**paths)).role


def test_a_token_of_keycloak_works_as_it_comes() -> None:
    caller = caller_of(KEYCLOAK, PATHS)

    assert caller.subject == KEYCLOAK["sub"]
    assert caller.role is Role.OPERATOR
    assert caller.tenants == {"my-ai-service", "other"}
    assert caller.email == "user@example.com"
    assert caller.expires_at == 2_000_000_000


def test_roles_of_other_programs_don_t_count() -> None:
    """Keycloak's `admin` of the client `account` is above."""
    assert role_of(KEYCLOAK, roles=("resource_access.ecp.web.roles",)) is Role.TENANT_ADMIN
    assert role_of({"roles": ["admin"]}, role_prefix="ecp-") is None
    assert role_of({"roles": ["admin", "ecp-viewer"]}, role_prefix="ecp-") is Role.VIEWER


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({}, None),
        ({"roles": []}, None),
        ({"roles": None}, None),
        ({"roles": 1}, None),
        ({"roles": {"admin": True}}, None),
        ({"roles": [["admin"], {"admin": 1}, 1, None]}, None),
        ({"roles": ["Admin", "ADMIN", " admin", "administrator"]}, None),
        ({"roles": "viewer"}, Role.VIEWER),
        ({"roles": "viewer operator"}, Role.OPERATOR),
        ({"roles": ["viewer", "tenant_admin", "operator"]}, Role.TENANT_ADMIN),
        ({"roles": ["viewer"], "realm_access": {"roles": ["operator"]}}, Role.OPERATOR),
        ({"realm_access": ["admin"]}, None),
        ({"realm_access": {"roles": {"roles": "admin"}}}, None),
    ],
)
def test_the_highest_known_role_counts(claims: dict[str, Any], role: Role | None) -> None:
    assert role_of(claims) is role


def test_a_claim_whose_name_has_dots_is_found() -> None:
    claims = {"https://example.com/roles": ["viewer"], "a.b": {"c.d": ["operator"]}}

    assert role_of(claims, roles=("https://example.com/roles",)) is Role.VIEWER
    assert role_of(claims, roles=("a.b.c.d",)) is Role.OPERATOR
    assert role_of(claims, roles=("a.b.c.d.e", "a.x", "", ".", "..")) is None


def test_an_administrator_sees_every_tenant_and_others_their_own() -> None:
    assert caller_of({"sub": "a", "roles": ["admin"], "tenant_access": ["one"]}, PATHS).tenants is None
    assert caller_of({"sub": "a", "roles": ["viewer"]}, PATHS).tenants == frozenset()
    assert caller_of({"sub": "a", "roles": ["viewer"], "tenant_access": "one two"}, PATHS).tenants == {"one", "two"}
    assert caller_of({"sub": "a", "roles": ["viewer"], "tenant_access": [1, "", None, "one"]}, PATHS).tenants == {"one"}
    unusable = ["a\x00b", "a\ud800", "t" * 101, "one"]
    assert caller_of({"sub": "a", "roles": ["viewer"], "tenant_access": unusable}, PATHS).tenants == {"one"}


def test_a_star_is_no_tenant_of_all() -> None:
    caller = caller_of({"sub": "a", "roles": ["viewer"], "tenant_access": ["*"]}, PATHS)

    assert not caller.may_see("my-ai-service")


@pytest.mark.parametrize("subject", [None, "", 1, ["a"], "s" * 256, "a\nb", "a\x00", "a\ud800"])
def test_a_caller_has_a_usable_subject(subject: Any) -> None:
    with pytest.raises(Refused, match="claim sub is missing or unusable"):
        caller_of({"sub": subject}, PATHS)


def test_the_subject_may_be_another_claim() -> None:
    assert caller_of({"oid": "x-1", "sub": "pairwise"}, ClaimPaths(subject="oid")).subject == "x-1"


@pytest.mark.parametrize("email", [None, 1, ["a@b.c"], "a@b.c\r\nBcc: x", "e" * 400])
def test_an_unusable_address_is_left_out(email: Any) -> None:
    assert caller_of({"sub": "a", "email": email}, PATHS).email is None

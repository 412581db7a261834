"""The settings of the identity provider: what stops the start, and what tokens must be then."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.identity.oidc import open_id_connect
from shared.identity.settings import IdentitySettings
from shared.settings import load

ISSUER = "https://id.example.com/realms/company"


def settings(**changes: Any) -> IdentitySettings:
    return IdentitySettings(**{"oidc_issuer": ISSUER, "oidc_client_id": "ecp", **changes})


def test_authentication_is_on_with_a_provider_unless_it_is_switched_off() -> None:
    assert not IdentitySettings().authentication_on
    assert settings().authentication_on
    assert not settings(authentication="off").authentication_on
    assert IdentitySettings(authentication="on").authentication_on


def test_without_authentication_or_a_provider_nothing_is_fetched() -> None:
    assert open_id_connect(IdentitySettings(authentication="on")) is None
    assert open_id_connect(settings(authentication="off")) is None


def test_all_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", ISSUER)
    monkeypatch.setenv("OIDC_AUDIENCE", "https://ecp.example.com, ecp-api")
    monkeypatch.setenv("OIDC_ALGORITHMS", "RS256,ES256")
    monkeypatch.setenv("OIDC_ROLES_CLAIM", "groups,resource_access.ecp.roles")
    monkeypatch.setenv("OIDC_SCOPES", "openid profile")
    read = load(IdentitySettings)

    assert read.token_rules.audiences == {"https://ecp.example.com", "ecp-api"}
    assert read.token_rules.algorithms == ("RS256", "ES256")
    assert read.claim_paths.roles == ("groups", "resource_access.ecp.roles")
    assert read.oidc_scopes == ("openid", "profile")


def test_the_client_counts_as_a_party_only_without_an_audience() -> None:
    assert (settings().token_rules.audiences, settings().token_rules.client_id) == ({"ecp"}, "ecp")
    rules = settings(oidc_audience=("api",)).token_rules
    assert (rules.audiences, rules.client_id) == ({"api"}, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"oidc_client_id": None}, "needs OIDC_CLIENT_ID or OIDC_AUDIENCE"),
        ({"oidc_issuer": "id.example.com"}, "must be an address"),
        ({"oidc_issuer": "ftp://id.example.com"}, "must be an address"),
        ({"oidc_issuer": "https://"}, "must be an address"),
        ({"oidc_issuer": "https://id.example.com:70000"}, "must be an address"),
        ({"oidc_issuer": "https://[x"}, "must be an address"),
        ({"oidc_issuer": "https://user@id.example.com"}, "must be an address"),
        ({"oidc_issuer": "https://id.example.com?realm=x"}, "must be an address"),
        ({"oidc_issuer": "https://id.example.com#x"}, "must be an address"),
        ({"oidc_algorithms": ("HS256",)}, "HS256 and none are never accepted"),
        ({"oidc_algorithms": ("none",)}, "HS256 and none are never accepted"),
        ({"oidc_algorithms": ()}, "HS256 and none are never accepted"),
        ({"oidc_clock_skew": 3600}, "less than or equal to 300"),
        ({"oidc_ca_path": Path("/nowhere/ca.pem")}, "no usable certificates"),
        ({"oidc_ca_path": Path(__file__)}, "no usable certificates"),
        ({"authentication": "maybe"}, "'on' or 'off'"),
        ({"environment": "production", "oidc_issuer": "http://id.example.com"}, "must begin with https://"),
    ],
)
def test_an_unusable_value_stops_the_start(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(**changes)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80"])
def test_a_provider_on_this_machine_needs_no_tls(host: str) -> None:
    assert settings(environment="production", oidc_issuer=f"http://{host}/x").oidc_issuer == f"http://{host}/x"


def test_development_needs_no_tls() -> None:
    assert settings(oidc_issuer="http://keycloak:8080/realms/x").authentication_on

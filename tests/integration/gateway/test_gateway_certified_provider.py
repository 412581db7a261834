"""A gateway with a certified identity provider: people by authorization code and PKCE, machines by credentials."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.support.certified_provider import AUDIENCE, CLIENT, CertifiedProvider, certified_provider, signing_key
from tests.support.gateway import DEMO, Gateway, error_of, running_gateway, tenant
from tests.support.polling import eventually

pytestmark = pytest.mark.slow

_OWN = f"own-{uuid4().hex[:8]}"
CLAIMS: dict[str, dict[str, Any]] = {
    "anna": {"realm_access": {"roles": ["offline_access", "tenant_admin"]}, "tenant_access": [_OWN], "email": "a@b.kr"},
    "root": {"realm_access": {"roles": ["admin"]}},
    "guest": {"email": "guest@example.com"},
    "ci": {"roles": ["operator"], "tenant_access": [_OWN]},
}


@pytest.fixture(scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CertifiedProvider]:
    directory: Path = tmp_path_factory.mktemp("provider")
    async with certified_provider(directory, CLAIMS) as running:
        yield running


@pytest.fixture(scope="module")
async def protected(gateway: Gateway, provider: CertifiedProvider) -> AsyncIterator[Gateway]:
    """A copy of the gateway that takes the provider's tokens."""
    same = gateway.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    issuer = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_audience": AUDIENCE}
    async with running_gateway(**same, **issuer) as running:
        yield running


async def _call(gateway: Gateway, token: str, path: str) -> httpx.Response:
    return await gateway.http.get(path, headers={**DEMO, "Authorization": f"Bearer {token}"})


async def test_a_person_signs_in_with_a_code_and_pkce(protected: Gateway, provider: CertifiedProvider) -> None:
    token = await provider.sign_in("anna")
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    me = (await _call(protected, token, "/me")).json()

    assert (me["subject"], me["kind"], me["role"], me["email"]) == ("anna", "person", "tenant_admin", "a@b.kr")
    assert me["tenants"] == [_OWN]


async def test_an_administrator_sees_every_tenant(protected: Gateway, provider: CertifiedProvider) -> None:
    me = (await _call(protected, await provider.sign_in("root"), "/me")).json()

    assert (me["role"], me["tenants"]) == ("admin", None)


async def test_a_machine_has_a_token_of_its_own(protected: Gateway, provider: CertifiedProvider) -> None:
    me = (await _call(protected, await provider.machine(), "/me")).json()

    assert (me["subject"], me["role"], me["tenants"]) == ("ci", "operator", [_OWN])


async def test_roles_of_tokens_decide_what_their_owners_may_do(protected: Gateway, provider: CertifiedProvider) -> None:
    headers = {"Authorization": f"Bearer {await provider.machine()}"}
    refused = await protected.http.post("/tenants/", json=tenant(tenant_id=_OWN), headers=headers)
    error_of(refused, 403, "FORBIDDEN")
    headers = {"Authorization": f"Bearer {await provider.sign_in('anna')}"}
    created = await protected.http.post("/tenants/", json=tenant(tenant_id=_OWN, deploy=False), headers=headers)
    assert created.status_code == 201, created.text
    error_of(await _call(protected, await provider.sign_in("guest"), "/tenants/"), 403, "FORBIDDEN")


async def test_a_changed_token_of_the_provider_is_refused(protected: Gateway, provider: CertifiedProvider) -> None:
    token = await provider.machine()
    head, _, signature = token.split(".")
    forged = token.replace(token.split(".")[1], jwt.encode({"sub": "root"}, "x" * 32).split(".")[1])

    for each in (forged, f"{head}..{signature}", token[:-2]):
        answer = await _call(protected, each, "/me")
        error_of(answer, 401, "UNAUTHORIZED")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_an_id_token_or_an_opaque_one_is_no_access_token(protected: Gateway) -> None:
    error_of(await _call(protected, "mJpNDIeEjeIGGc4JB1VOYj6TVGi8uqvGBYtbEyBYdfs", "/me"), 401, "UNAUTHORIZED")


async def test_the_provider_s_rotation_fails_no_call(protected: Gateway, provider: CertifiedProvider) -> None:
    before = await provider.machine()
    await provider.restart([signing_key("two"), *provider.keys])
    after = await provider.machine()
    assert jwt.get_unverified_header(after)["kid"] == "two"

    for token in (after, before, after):
        assert (await _call(protected, token, "/me")).status_code == 200


async def test_without_the_provider_known_keys_go_on_and_the_gateway_is_ready(
    protected: Gateway, provider: CertifiedProvider
) -> None:
    token = await provider.machine()
    assert (await _call(protected, token, "/me")).status_code == 200
    provider.stop()
    try:
        assert (await _call(protected, token, "/me")).status_code == 200
        ready = await protected.http.get(f"http://127.0.0.1:{protected.settings.port}/ready")
        assert ready.status_code == 200
    finally:
        await provider.start()
    await eventually(lambda: _is_accepted(protected, token))


async def _is_accepted(gateway: Gateway, token: str) -> bool:
    return (await _call(gateway, token, "/me")).status_code == 200

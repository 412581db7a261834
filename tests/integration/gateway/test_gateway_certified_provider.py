"""A gateway with a certified identity provider: people by authorization code and PKCE, machines by credentials."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from services.gateway.access.wiring import Access
from shared.identity.caller import Caller, CallerKind, Role
from tests.support.certified_provider import AUDIENCE, CLIENT, CertifiedProvider, certified_provider, signing_key
from tests.support.gateway import DEMO, Gateway, error_of, running_gateway, tenant
from tests.support.polling import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
"""The first run installs the provider."""

CLAIMS: dict[str, dict[str, Any]] = {
    "anna": {
        "realm_access": {"roles": ["offline_access", "tenant_admin"]},
        "tenant_access": ["tenant-of-anna"],
        "email": "a@b.kr",
    },
    "root": {"realm_access": {"roles": ["admin"]}},
    "guest": {"email": "guest@example.com"},
    "ci": {"roles": ["operator"], "tenant_access": ["tenant-of-ci"]},
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
    issuer = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_audience": AUDIENCE, "rate_limits": "off"}
    async with running_gateway(**same, **issuer) as running:
        token = await provider.machine()
        await eventually(lambda: _is_accepted(running, token))
        yield running


async def _call(gateway: Gateway, token: str) -> httpx.Response:
    return await gateway.http.get("/tenants/", headers={**DEMO, "Authorization": f"Bearer {token}"}, timeout=60)


async def _caller(gateway: Gateway, token: str) -> Caller:
    """Who the gateway takes the owner of a token for, after it has served a call."""
    answer = await _call(gateway, token)
    assert answer.status_code in (200, 403), answer.text
    access: Access = gateway.app.state.access
    assert access.provider is not None
    return await access.provider.verifier.caller(token)


async def test_a_person_signs_in_with_a_code_and_pkce(protected: Gateway, provider: CertifiedProvider) -> None:
    token = await provider.sign_in("anna")
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    caller = await _caller(protected, token)

    assert (caller.subject, caller.kind, caller.role) == ("anna", CallerKind.PERSON, Role.TENANT_ADMIN)
    assert (caller.tenants, caller.email) == ({"tenant-of-anna"}, "a@b.kr")


async def test_an_administrator_sees_every_tenant(protected: Gateway, provider: CertifiedProvider) -> None:
    caller = await _caller(protected, await provider.sign_in("root"))

    assert (caller.role, caller.tenants) == (Role.ADMIN, None)


async def test_a_person_without_a_role_is_known_and_may_nothing(
    protected: Gateway, provider: CertifiedProvider
) -> None:
    caller = await _caller(protected, await provider.sign_in("guest"))

    assert (caller.subject, caller.role, caller.tenants) == ("guest", None, frozenset())


async def test_a_machine_has_a_token_of_its_own(protected: Gateway, provider: CertifiedProvider) -> None:
    caller = await _caller(protected, await provider.machine())

    assert (caller.subject, caller.role, caller.tenants) == ("ci", Role.OPERATOR, {"tenant-of-ci"})


async def test_roles_and_tenants_of_tokens_decide(protected: Gateway, provider: CertifiedProvider) -> None:
    tokens = {"anna": await provider.sign_in("anna"), "ci": await provider.machine()}
    headers = {name: {**DEMO, "Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    me = (await protected.http.get("/me", headers=headers["anna"])).json()
    assert (me["subject"], me["role"], me["email"]) == ("anna", "tenant_admin", "a@b.kr")
    body = tenant(deploy=False)
    path = f"/tenants/{body['tenant_id']}"

    error_of(await protected.http.post("/tenants/", json=body, headers=headers["ci"]), 403, "FORBIDDEN")
    created = await protected.http.post("/tenants/", json=body, headers=headers["anna"])
    assert created.status_code == 201, created.text
    assert (await protected.http.get(path, headers=headers["anna"])).status_code == 200
    error_of(await protected.http.get(path, headers=headers["ci"]), 404, "TENANT_NOT_FOUND")
    error_of(await _call(protected, await provider.sign_in("guest")), 403, "FORBIDDEN")


async def test_a_changed_token_of_the_provider_is_refused(protected: Gateway, provider: CertifiedProvider) -> None:
    token = await provider.machine()
    head, claims, signature = token.split(".")
    forged = token.replace(claims, jwt.encode({"sub": "root"}, "x" * 32).split(".")[1])

    for each in (forged, f"{head}.{signature}", token[:-2]):
        answer = await _call(protected, each)
        error_of(answer, 401, "UNAUTHORIZED")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_an_id_token_is_no_access_token(protected: Gateway, provider: CertifiedProvider) -> None:
    answer = await _call(protected, (await provider.tokens("anna"))["id_token"])

    error_of(answer, 401, "UNAUTHORIZED")
    assert "audience must be ecp-api" in answer.headers["www-authenticate"]


async def test_the_provider_s_rotation_fails_no_call(protected: Gateway, provider: CertifiedProvider) -> None:
    before = await provider.machine()
    await provider.restart([signing_key("two"), *provider.keys])
    after = await provider.machine()
    assert jwt.get_unverified_header(after)["kid"] == "two"

    for token in (after, before, after):
        # A 503 if the provider is too slow, on a busy machine; never a 401.
        statuses: list[int] = []
        await eventually(lambda: _is_answered(protected, token, statuses))  # noqa: B023
        assert statuses[-1] == 200


async def test_without_the_provider_known_keys_go_on_and_the_gateway_is_ready(
    protected: Gateway, provider: CertifiedProvider
) -> None:
    token = await provider.machine()
    assert (await _call(protected, token)).status_code == 200
    provider.stop()
    try:
        assert (await _call(protected, token)).status_code == 200
        ready = await protected.http.get(f"http://127.0.0.1:{protected.settings.port}/ready")
        assert ready.status_code == 200
    finally:
        await provider.start()
    await eventually(lambda: _is_accepted(protected, token))


async def _is_answered(gateway: Gateway, token: str, statuses: list[int]) -> bool:
    statuses.append((await _call(gateway, token)).status_code)
    return statuses[-1] != 503


async def _is_accepted(gateway: Gateway, token: str) -> bool:
    return (await _call(gateway, token)).status_code == 200

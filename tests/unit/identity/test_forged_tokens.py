"""Each forged token is refused for its own reason. `test_gateway_forged_tokens` sends them over HTTP."""

from collections.abc import AsyncIterator

import pytest

from shared.errors import Refused
from shared.identity.caller import CallerKind, Role
from shared.identity.oidc import OpenIdConnect, open_id_connect
from shared.identity.settings import IdentitySettings
from tests.support.forged_tokens import FORGED, forged_keys
from tests.support.token_issuer import CLIENT, TokenIssuer, ed_key, running_issuer


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[TokenIssuer]:
    async with running_issuer(keys=forged_keys()) as running:
        yield running


@pytest.fixture(scope="module")
async def provider(issuer: TokenIssuer) -> AsyncIterator[OpenIdConnect]:
    provider = open_id_connect(IdentitySettings(oidc_issuer=issuer.url, oidc_client_id=CLIENT))
    assert provider is not None
    await provider.verifier.caller(issuer.token())
    yield provider
    await provider.close()


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_refused_for_its_own_reason(
    name: str, issuer: TokenIssuer, provider: OpenIdConnect
) -> None:
    forge, reason = FORGED[name]
    with pytest.raises(Refused) as refused:
        await provider.verifier.caller(forge(issuer))

    assert (refused.value.code, refused.value.message_id) == ("UNAUTHORIZED", reason)


async def test_no_forged_token_caused_a_fetch_or_was_kept(issuer: TokenIssuer, provider: OpenIdConnect) -> None:
    before = issuer.asked.total()
    for forge, _ in FORGED.values():
        with pytest.raises(Refused):
            await provider.verifier.caller(forge(issuer))

    assert issuer.asked.total() == before


@pytest.mark.parametrize("key_id", ["first", "second", "third"])
async def test_a_right_token_names_its_caller(key_id: str, issuer: TokenIssuer, provider: OpenIdConnect) -> None:
    token = issuer.token(key_id, email="user@example.com")
    first, again = await provider.verifier.caller(token), await provider.verifier.caller(token)

    assert first == again
    assert (first.subject, first.kind, first.role, first.email) == (
        "user-1",
        CallerKind.PERSON,
        Role.VIEWER,
        "user@example.com",
    )
    assert first.tenants == {"tenant-of-user-1"}


async def test_a_token_without_a_key_id_is_accepted_if_one_key_has_its_algorithm(
    issuer: TokenIssuer, provider: OpenIdConnect
) -> None:
    token = issuer.token(None, key=issuer.keys["third"])

    assert (await provider.verifier.caller(token)).subject == "user-1"


async def test_all_three_algorithms_and_no_other_can_be_chosen() -> None:
    async with running_issuer(keys={"first": ed_key(), **{f"k-{k}": v for k, v in forged_keys().items()}}) as issuer:
        settings = IdentitySettings(oidc_issuer=issuer.url, oidc_client_id=CLIENT, oidc_algorithms=("EdDSA",))
        provider = open_id_connect(settings)
        assert provider is not None
        assert (await provider.verifier.caller(issuer.token())).subject == "user-1"
        with pytest.raises(Refused, match="signed by EdDSA"):
            await provider.verifier.caller(issuer.token("k-first"))
        await provider.close()

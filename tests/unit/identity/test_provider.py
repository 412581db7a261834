"""Fetching the provider's keys from a real server, which answers what it should not."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from shared.errors import DependencyUnavailable
from shared.identity.provider import Provider
from tests.support.token_issuer import DISCOVERY, KEYS, Answer, TokenIssuer, public_jwk, rsa_key, running_issuer


@asynccontextmanager
async def fetching(issuer: TokenIssuer, ca_path: Path | None = None, seconds: float = 20.0) -> AsyncIterator[Provider]:
    provider = Provider(issuer.url, ca_path, seconds=seconds)
    try:
        yield provider
    finally:
        await provider.close()


async def reason(issuer: TokenIssuer, ca_path: Path | None = None, seconds: float = 20.0) -> str:
    """Why the keys can't be had."""
    async with fetching(issuer, ca_path, seconds) as provider:
        with pytest.raises(DependencyUnavailable) as refused:
            await provider.fetch()
    assert refused.value.name == "identity provider"
    return refused.value.message


async def test_the_keys_are_where_the_discovery_document_tells() -> None:
    async with running_issuer() as issuer, fetching(issuer) as provider:
        keys = [await provider.fetch(), await provider.fetch()]

    assert [len(each) for each in keys] == [1, 1]
    assert issuer.asked == {DISCOVERY: 1, KEYS: 2}


async def test_an_issuer_may_end_with_a_slash() -> None:
    async with running_issuer() as issuer:
        answer = issuer.document(DISCOVERY)
        issuer.url += "/"
        issuer.answers[DISCOVERY] = Answer(answer.body.replace(b'",', b'/",', 1))
        async with fetching(issuer) as provider:
            assert len(await provider.fetch()) == 1


@pytest.mark.parametrize("issuer_of_document", ["https://id.example.com", "", None, 1, ["x"]])
async def test_a_document_of_another_issuer_is_refused(issuer_of_document: object) -> None:
    async with running_issuer() as issuer:
        document = {"issuer": issuer_of_document, "jwks_uri": f"{issuer.url}{KEYS}"}
        issuer.answers[DISCOVERY] = Answer(json.dumps(document).encode())

        assert "OIDC_ISSUER must be exactly the provider's issuer" in await reason(issuer)
    assert KEYS not in issuer.asked


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "/keys",
        "file:///etc/passwd",
        "ftp://id.example.com/keys",
        "http://user:password@127.0.0.1/keys",
        "http://",
        "http://[x/keys",
        f"http://127.0.0.1/{'x' * 3000}",
        1,
    ],
)
async def test_keys_are_fetched_by_http_alone(address: object) -> None:
    async with running_issuer() as issuer:
        issuer.answers[DISCOVERY] = Answer(json.dumps({"issuer": issuer.url, "jwks_uri": address}).encode())

        assert "no usable jwks_uri" in await reason(issuer)


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
async def test_a_redirect_is_not_followed(path: str) -> None:
    async with running_issuer() as issuer:
        issuer.answers[path] = Answer(status=302, headers={"Location": f"{issuer.url}/elsewhere"})

        assert "answered 302" in await reason(issuer)
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(b"{}" + b" " * 600_000), "more than 524288 bytes"),
        (Answer(gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}), "compressed"),
        (Answer(b"<html>"), "isn't usable JSON"),
        (Answer(b"\xff\xfe"), "isn't usable JSON"),
        (Answer(b"[" * 100_000), "isn't usable JSON"),
        (Answer(b"", status=503), "answered 503"),
        (Answer(b"[]"), ""),
        (Answer(b"null"), ""),
        (Answer(b'{"keys": {}}'), ""),
    ],
)
async def test_an_unusable_answer_is_an_outage(path: str, answer: Answer, expected: str) -> None:
    async with running_issuer() as issuer:
        issuer.answers[path] = answer

        assert expected in await reason(issuer)


async def test_too_many_keys_are_refused() -> None:
    jwk = public_jwk(rsa_key())
    async with running_issuer() as issuer:
        issuer.answers[KEYS] = Answer(json.dumps({"keys": [{**jwk, "kid": str(n)} for n in range(101)]}).encode())

        assert "at most 100 are read" in await reason(issuer)


async def test_a_provider_that_never_answers_is_left() -> None:
    async with running_issuer() as issuer:
        issuer.answers[KEYS] = Answer(released=asyncio.Event())

        assert "has not answered within" in await reason(issuer, seconds=0.2)


async def test_a_provider_that_is_away_is_an_outage() -> None:
    assert "http://127.0.0.1:1" in await reason(TokenIssuer())


async def test_after_a_failure_the_address_of_the_keys_is_asked_for_again() -> None:
    async with running_issuer() as issuer, fetching(issuer) as provider:
        await provider.fetch()
        issuer.answers[KEYS] = Answer(status=404)
        with pytest.raises(DependencyUnavailable):
            await provider.fetch()
        del issuer.answers[KEYS]
        await provider.fetch()

    assert issuer.asked == {DISCOVERY: 2, KEYS: 3}


class _Authority:
    def __init__(self, path: Path) -> None:
        authority = trustme.CA()
        self.path = path
        authority.cert_pem.write_to_path(self.path)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.context)


async def test_the_certificate_is_checked_with_the_configured_authority(tmp_path: Path) -> None:
    authority, other = _Authority(tmp_path / "ca.pem"), _Authority(tmp_path / "other.pem")
    async with running_issuer(tls=authority.context) as issuer:
        async with fetching(issuer, authority.path) as provider:
            assert len(await provider.fetch()) == 1
        assert "certificate verify failed" in (await reason(issuer)).lower()
        assert "certificate verify failed" in (await reason(issuer, other.path)).lower()


async def test_a_provider_with_tls_can_t_name_keys_without(tmp_path: Path) -> None:
    authority = _Authority(tmp_path / "ca.pem")
    async with running_issuer(tls=authority.context) as issuer:
        document = {"issuer": issuer.url, "jwks_uri": "http://127.0.0.1:1/keys"}
        issuer.answers[DISCOVERY] = Answer(json.dumps(document).encode())

        assert "no usable jwks_uri" in await reason(issuer, authority.path)

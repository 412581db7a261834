"""The middleware that finds out who calls, without a server: credentials, verifiers, refusals, public paths."""

from typing import Any

import pytest

from services.gateway.access.authentication import Authentication
from services.gateway.access.challenge import challenge
from services.gateway.access.public_paths import is_public
from services.gateway.http import request_context
from services.gateway.http.middleware import RequestScope
from shared.errors import DependencyUnavailable, EcpError, Refused
from shared.identity.caller import LOCAL, UNAUTHENTICATED, Caller, CallerKind, Role
from shared.identity.verifiers import unauthorized, unavailable
from tests.support.asgi import call

KNOWN = Caller("user-1", CallerKind.PERSON, Role.VIEWER)


class Prefixed:
    """Recognises credentials by their prefix, and knows what each of them proves."""

    def __init__(self, prefix: str, known: dict[str, Caller | EcpError]) -> None:
        self._prefix = prefix
        self._known = known

    def claims(self, credential: str) -> bool:
        return credential.startswith(self._prefix)

    async def caller(self, credential: str) -> Caller:
        found = self._known[credential]
        if isinstance(found, EcpError):
            raise found
        return found

    async def again(self, credential: str, caller: Caller) -> Caller:
        return await self.caller(credential)


class Seen:
    """The application behind the middleware: who called it."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.recheck: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = request_context.current()
        self.callers.append(request.caller)
        self.recheck = request.recheck
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def answer(*headers: tuple[bytes, bytes], seen: Seen | None = None, **scope: Any) -> dict[str, Any]:
    verifiers = (
        Prefixed("ecp_", {"ecp_1": KNOWN, "ecp_2": unauthorized("token-expired", "the token has expired")}),
        Prefixed("x", {"xyz": unavailable("away", 7.2), "xf": Refused("another mode", code="FORBIDDEN")}),
    )
    app = RequestScope(Authentication(seen or Seen(), verifiers))
    sent = await call(app, {"type": "connect"}, headers=list(headers), **scope)
    return {**sent[0], "sent": sent, "headers": dict(sent[0].get("headers", []))}


def bearer(text: bytes) -> tuple[bytes, bytes]:
    return (b"authorization", text)


async def test_the_first_verifier_that_recognises_a_credential_names_the_caller() -> None:
    seen = Seen()
    for written in (b"Bearer ecp_1", b"bearer ecp_1", b"BEARER   ecp_1 "):
        assert (await answer(bearer(written), seen=seen))["status"] == 200

    assert seen.callers == [KNOWN] * 3


async def test_while_authentication_is_off_no_credential_is_looked_at() -> None:
    seen = Seen()
    app = RequestScope(Authentication(seen, None))
    for headers in ([], [bearer(b"Bearer nonsense")], [bearer(b"Basic x"), bearer(b"")]):
        await call(app, headers=headers)

    assert seen.callers == [LOCAL] * 3


@pytest.mark.parametrize(
    ("headers", "challenged"),
    [
        ([], b'Bearer realm="ecp"'),
        ([bearer(b"")], b'error="invalid_request"'),
        ([bearer(b"Bearer")], b'error="invalid_request"'),
        ([bearer(b"Bearer ")], b'error="invalid_request"'),
        ([bearer(b"ecp_1")], b'error="invalid_request"'),
        ([bearer(b"Basic ecp_1")], b'error="invalid_request"'),
        ([bearer(b"Bearer ecp_1 ecp_1")], b'error="invalid_request"'),
        ([bearer(b"Bearer ecp_1"), bearer(b"Bearer ecp_1")], b'error="invalid_request"'),
        ([bearer(b"Bearer ecp_\xe9")], b'error="invalid_request"'),
        ([bearer(b"Bearer ecp_\x01")], b'error="invalid_request"'),
        ([bearer(b"Bearer " + b"x" * 17_000)], b'error="invalid_token"'),
        ([bearer(b"Bearer ecp_2")], b'error="invalid_token", error_description="the token has expired"'),
        ([bearer(b"Bearer other")], b'error="invalid_token"'),
    ],
)
async def test_without_one_valid_credential_a_call_is_a_401(
    headers: list[tuple[bytes, bytes]], challenged: bytes
) -> None:
    seen = Seen()
    refused = await answer(*headers, seen=seen)

    assert refused["status"] == 401
    assert challenged in refused["headers"][b"www-authenticate"]
    assert (b"error=" in refused["headers"][b"www-authenticate"]) == bool(headers)
    assert b"UNAUTHORIZED" in refused["sent"][1]["body"]
    assert seen.callers == []


async def test_a_token_in_the_address_is_no_credential() -> None:
    assert (await answer(query_string=b"access_token=ecp_1"))["status"] == 401


async def test_what_can_t_be_known_now_is_a_503_with_the_time_of_a_retry() -> None:
    refused = await answer(bearer(b"Bearer xyz"))

    assert (refused["status"], refused["headers"][b"retry-after"]) == (503, b"8")
    assert b"www-authenticate" not in refused["headers"]


async def test_a_verifier_may_know_the_caller_and_refuse_it() -> None:
    refused = await answer(bearer(b"Bearer xf"))

    assert refused["status"] == 403
    assert b"www-authenticate" not in refused["headers"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [([], 4401), ([bearer(b"Bearer ecp_2")], 4401), ([bearer(b"Bearer xyz")], 1013), ([bearer(b"Bearer xf")], 4403)],
)
async def test_a_socket_is_accepted_and_closed_with_a_code(headers: list[tuple[bytes, bytes]], code: int) -> None:
    sent = (await answer(*headers, type="websocket"))["sent"]

    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == code


async def test_an_open_socket_can_prove_its_caller_again() -> None:
    seen = Seen()
    await answer(bearer(b"Bearer ecp_1"), type="websocket", seen=seen)
    assert await seen.recheck() == KNOWN
    await answer(bearer(b"Bearer ecp_1"), seen=seen)
    assert seen.recheck is None


@pytest.mark.parametrize(
    "path", ["/health", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json", "/docs/assets/swagger.js"]
)
async def test_health_and_the_api_s_pages_need_no_credential(path: str) -> None:
    seen = Seen()
    assert (await answer(path=path, method="GET", seen=seen))["status"] == 200
    assert seen.callers == [UNAUTHENTICATED]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health/",
        "/Health",
        "//health",
        "/health/../api/v1/tenants/",
        "/docs/assets/../../api/v1/tenants/",
        "/docs/assets/",
        "/docs/assets/other.js",
        "/api/v1/auth/x",
        "/api/v1/tenants/",
        "/metrics%2f",
    ],
)
def test_no_other_path_is_public(path: str) -> None:
    assert not is_public({"type": "http", "method": "GET", "path": path})


@pytest.mark.parametrize(
    "scope", [{"method": "POST"}, {"method": "DELETE"}, {"method": "OPTIONS"}, {"method": "get"}, {"type": "websocket"}]
)
def test_a_public_path_is_only_read_without_a_credential(scope: dict[str, str]) -> None:
    assert not is_public({"type": "http", "method": "GET", "path": "/health", **scope})


def test_a_challenge_is_one_line_of_quoted_ascii() -> None:
    hostile = unauthorized("token-issuer", 'a "quote" \\ and\r\nX-Other: {issuer}', issuer="한" * 300)
    text = challenge(hostile)

    assert text.isascii()
    assert text.isprintable()
    assert text.count('"') == 6
    assert len(text) < 300


def test_an_outage_is_named_without_addresses() -> None:
    assert isinstance(unavailable("away"), DependencyUnavailable)
    assert unavailable("away").details == {"dependency": "identity provider"}

"""The simulator's port with TLS: which requests need a token, and which tokens are good."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from services.simulator.api.access.request_access import Access
from services.simulator.api.access.tokens import Credentials, Tokens
from services.simulator.api.access.users import ADMINISTRATOR, AUDIENCE, User
from services.simulator.api.routing.secure_port import SECURE, USER, SecurePort
from services.simulator.authority import Authority
from services.simulator.storage.store import Store
from tests.support.asgi import call
from tests.support.simulator_api import NOW

ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "team"}}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def store() -> Store:
    store = Store(lambda: NOW)
    store.create("serviceaccounts", ACCOUNT)
    return store


@pytest.fixture
def tokens(authority: Authority, store: Store) -> Tokens:
    credentials = Credentials(authority.administrator_token, authority.signing_key)
    return Tokens(credentials, lambda: {"default": store, "demo": Store(lambda: NOW)})


def account(store: Store) -> tuple[str, str, str]:
    found = store.get("serviceaccounts", "team", "robot")
    assert found is not None
    return "team", "robot", found["metadata"]["uid"]


async def seen(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the user of the request."""
    user: User | None = scope["state"].get(USER)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": (user.name if user else "-").encode()})


async def ask(tokens: Tokens, path: str, authorization: str | None = None, *, secure: bool = True) -> tuple[int, str]:
    """Status and body, with the header `WWW-Authenticate` in front of a refusal's."""
    headers = [(b"x-forwarded-proto", b"http")]
    headers += [(b"authorization", authorization.encode())] if authorization else []
    port = SecurePort(seen, tokens.user, lambda user, cluster: Access(user))
    state = {SECURE: True} if secure else {}
    sent = await call(port, method="GET", path=path, headers=headers, state=state)
    challenge = dict(sent[0]["headers"]).get(b"www-authenticate", b"").decode()
    return sent[0]["status"], challenge + sent[1]["body"].decode()


async def test_every_request_needs_a_token_but_for_probes_and_pages(tokens: Tokens, authority: Authority) -> None:
    for path in ("/health", "/ready", "/livez", "/docs", "/docs/assets/page.css", "/openapi.json"):
        assert await ask(tokens, path) == (200, "-")
    for path in ("/api/v1/pods", "/metrics", "/version", "/livez/", "//livez", "/docs/assets/../../api/v1/pods"):
        status, body = await ask(tokens, path)
        assert status == 401, path
        assert body.startswith('Bearer{"kind":"Status"')
    assert await ask(tokens, "/api/v1/pods", f"Bearer {authority.administrator_token}") == (200, ADMINISTRATOR.name)


async def test_the_port_without_tls_needs_none(tokens: Tokens) -> None:
    assert await ask(tokens, "/api/v1/pods", secure=False) == (200, "-")
    assert await ask(tokens, "/api/v1/pods", "Bearer wrong", secure=False) == (200, "-")


async def test_a_service_account_s_token_is_good_in_its_cluster_until_its_end(tokens: Tokens, store: Store) -> None:
    token, end = tokens.issue("default", account(store), 600, [])
    user = await tokens.user("default", token)

    assert user is not None
    assert user.name == "system:serviceaccount:team:robot"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated")
    assert timedelta(seconds=590) < end - datetime.now(UTC) <= timedelta(seconds=600)
    assert await tokens.user("demo", token) is None
    assert await tokens.user("default", tokens.issue("default", account(store), -1, [])[0]) is None
    assert await tokens.user("default", tokens.issue("default", account(store), 600, ["another"])[0]) is None


async def test_a_token_ends_with_its_account(tokens: Tokens, store: Store) -> None:
    token, _ = tokens.issue("default", account(store), 600, [])
    store.delete("serviceaccounts", "team", "robot")
    assert await tokens.user("default", token) is None
    store.create("serviceaccounts", ACCOUNT)
    assert await tokens.user("default", token) is None


def forged(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    claims = {
        "iss": "https://default.simulator",
        "aud": AUDIENCE,
        "sub": "system:serviceaccount:team:robot",
        "iat": now,
        "exp": now + timedelta(minutes=10),
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


@pytest.mark.parametrize(
    "forgery",
    [
        (forged(), "", "none"),
        (forged(), "public", "HS256"),
        (forged(), "other", "ES256"),
        (forged(iss="https://demo.simulator"), "own", "ES256"),
        (forged(aud="another"), "own", "ES256"),
        (forged(exp=None), "own", "ES256"),
        (forged(sub=None), "own", "ES256"),
        (forged(nbf=datetime.now(UTC) + timedelta(hours=1)), "own", "ES256"),
        (forged(), "own", "ES256"),  # without the uid of the account
        (forged(sub="kubernetes-admin"), "own", "ES256"),
        (forged(sub="system:serviceaccount:team:unknown"), "own", "ES256"),
        (forged(**{"kubernetes.io": {"serviceaccount": {"uid": "guessed"}}}), "own", "ES256"),
    ],
)
async def test_a_forged_token_is_none(
    tokens: Tokens, authority: Authority, tmp_path: Path, forgery: tuple[dict[str, Any], str, str]
) -> None:
    claims, key, algorithm = forgery
    keys: dict[str, str | bytes] = {
        "": "",
        # A text that is known to everyone, as the public key is, and no secret.
        "public": (authority.certificate_file.read_bytes().hex()),
        "other": Authority(tmp_path / "other").signing_key,
        "own": authority.signing_key,
    }
    token = jwt.encode(claims, keys[key], algorithm=algorithm)

    assert await tokens.user("default", token) is None
    assert (await ask(tokens, "/api/v1/pods", f"Bearer {token}"))[0] == 401


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "Bearer", "é", "a" * 20_000, "eyJ" * 3000])
async def test_no_token_is_a_good_one(tokens: Tokens, authority: Authority, text: str) -> None:
    assert await tokens.user("default", text) is None
    for header in (text, f"Bearer {text}", f"Basic {authority.administrator_token}", authority.administrator_token):
        assert (await ask(tokens, "/api/v1/pods", header))[0] == 401


async def test_without_an_administrator_s_token_no_header_is_the_administrator_s(authority: Authority) -> None:
    tokens = Tokens(Credentials("", authority.signing_key), dict)

    assert await tokens.user("default", "") is None
    for header in ("Bearer", "Bearer ", "bearer  "):
        assert (await ask(tokens, "/api/v1/pods", header))[0] == 401

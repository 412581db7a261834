"""A gateway with authentication: forged tokens, rotation, what is public, and the provider's outage."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.identity.caller import Role
from tests.support.forged_tokens import FORGED, forged_keys
from tests.support.gateway import DEMO, Gateway, error_of, running_gateway
from tests.support.polling import eventually
from tests.support.token_issuer import CLIENT, KEYS, Answer, TokenIssuer, ec_key, running_issuer


@pytest.fixture(scope="module")
async def forgers(gateway: Gateway) -> AsyncIterator[tuple[Gateway, TokenIssuer]]:
    """A gateway whose provider has the keys that the forged tokens are about."""
    same = gateway.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with (
        running_issuer(keys=forged_keys()) as issuer,
        running_gateway(**same, oidc_issuer=issuer.url, oidc_client_id=CLIENT, rate_limits="off") as running,
    ):
        await eventually(lambda: _accepts(running, issuer.token()))
        yield running, issuer


async def _accepts(gateway: Gateway, token: str) -> bool:
    return (await _get(gateway, token)).status_code == 200


async def _get(gateway: Gateway, token: str, path: str = "/tenants/") -> httpx.Response:
    return await gateway.http.get(path, headers={**DEMO, "Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_a_401_with_a_challenge(name: str, forgers: tuple[Gateway, TokenIssuer]) -> None:
    gateway, issuer = forgers
    forge, _ = FORGED[name]
    # A token of an unknown key has the keys fetched again, which may fail on a busy machine: a 503, and never a 200.
    answer = await _answered(gateway, {**DEMO, "Authorization": f"Bearer {forge(issuer)}"})

    error_of(answer, 401, "UNAUTHORIZED")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="ecp", error="invalid_')
    assert 'error_description="' in challenge


async def test_reasons_are_counted_and_told_in_korean(forgers: tuple[Gateway, TokenIssuer]) -> None:
    gateway, issuer = forgers
    headers = {"Authorization": f"Bearer {issuer.token(exp=1)}", "Accept-Language": "ko"}
    answer = await gateway.http.get("/tenants/", headers=headers)
    metrics = await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}/metrics")

    assert error_of(answer, 401, "UNAUTHORIZED")["message"] == "토큰이 만료되었습니다. 다시 로그인하세요"
    assert 'ecp_refused_credentials_total{reason="token-expired"}' in metrics.text


async def test_without_a_credential_only_health_metrics_and_pages_are_served(secured: Gateway) -> None:
    root = f"http://127.0.0.1:{secured.settings.port}"
    for path in ("/health", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json", "/docs/assets/page.css"):
        assert (await secured.http.get(f"{root}{path}")).status_code == 200, path
    for method, path in (
        ("GET", "/"),
        ("GET", "/api/v1/tenants/"),
        ("DELETE", "/api/v1/tenants/x"),
        ("PUT", "/nowhere"),
        ("POST", "/health"),
    ):
        answer = await secured.http.request(method, f"{root}{path}")
        error_of(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == 'Bearer realm="ecp"'


async def test_a_page_learns_how_to_sign_in(secured: Gateway, gateway: Gateway, issuer: TokenIssuer) -> None:
    assert (await secured.http.get("/auth")).json() == {
        "authentication": True,
        "issuer": issuer.url,
        "client_id": CLIENT,
        "scopes": ["openid", "profile", "email"],
        "audience": None,
    }
    assert (await gateway.http.get("/auth")).json() == {
        "authentication": False,
        "issuer": None,
        "client_id": None,
        "scopes": [],
        "audience": None,
    }


async def test_a_body_is_not_read_before_the_caller_is_known(secured: Gateway) -> None:
    answer = await secured.http.post(
        "/tenants/", content=b"x" * 2_000_000, headers={"Content-Type": "application/json"}
    )

    error_of(answer, 401, "UNAUTHORIZED")


async def test_a_socket_without_a_credential_is_closed_with_4401(secured: Gateway) -> None:
    async with secured.socket("/ws/monitoring/nowhere?demo=true") as socket:
        await socket.connection.wait_closed()

    assert socket.connection.close_code == 4401


async def test_a_new_key_is_used_at_its_first_call(secured: Gateway, issuer: TokenIssuer) -> None:
    issuer.keys["rotated"] = ec_key()
    try:
        headers = issuer.as_role(Role.ADMIN, **{"key_id": "rotated"})
        # It waits for the pause between two fetches, at most 10 s. On a busy machine the fetch may fail: a 503, no 401.
        assert (await _answered(secured, headers)).status_code == 200
    finally:
        del issuer.keys["rotated"]


async def _answered(gateway: Gateway, headers: dict[str, str]) -> httpx.Response:
    """The first answer that is no 503."""
    answers: list[httpx.Response] = []

    async def is_answered() -> bool:
        answers.append(await gateway.http.get("/tenants/", headers=headers, timeout=60))
        return answers[-1].status_code != 503

    await eventually(is_answered)
    return answers[-1]


async def test_an_outage_of_the_provider_is_named_and_leaves_the_gateway_ready(gateway: Gateway) -> None:
    same: dict[str, Any] = gateway.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with running_issuer() as issuer:
        issuer.answers[KEYS] = Answer(status=500)
        async with running_gateway(**same, oidc_issuer=issuer.url, oidc_client_id=CLIENT, rate_limits="off") as running:
            ready = f"http://127.0.0.1:{running.settings.port}/ready"

            async def names_the_outage() -> bool:
                answer = await running.http.get(ready)
                state = answer.json()["checks"].get("identity provider", "")
                return answer.status_code == 200 and "answered 500" in state

            await eventually(names_the_outage)
            refused = await _get(running, issuer.token())
            error_of(refused, 503, "DEPENDENCY_UNAVAILABLE")
            assert 1 <= int(refused.headers["retry-after"]) <= 10
            assert issuer.url not in refused.text
            del issuer.answers[KEYS]
            # The gateway asks again by itself, after its pause.
            await eventually(lambda: _accepts(running, issuer.token(exp=int(time.time()) + 600)))
            assert (await running.http.get(ready)).json()["checks"]["identity provider"] == "ok"

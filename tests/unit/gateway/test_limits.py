"""Rates by address and identity, without a server."""

from collections import Counter
from typing import Any

import pytest
from starlette.types import Scope

from services.gateway.access.credentials import any_credential
from services.gateway.http import request_context
from services.gateway.http.middleware import RequestScope
from services.gateway.limits.address_limit import AddressLimit, RecentCredentials
from services.gateway.limits.bounded_storage import BoundedStorage
from services.gateway.limits.identity_limit import IdentityLimit
from services.gateway.limits.rates import Rate
from shared.identity.caller import LOCAL, Caller, CallerKind, Role
from shared.identity.verifiers import unauthorized
from tests.support.asgi import call

PERSON = Caller("alice", CallerKind.PERSON, Role.VIEWER)


class Application:
    """Answers 401 to credentials that begin with `wrong` or `expired`, and knows all others."""

    def __init__(self, caller: Caller = PERSON) -> None:
        self.caller = caller
        self.calls = 0
        self.ended = ""

    def refuses(self, credential: str) -> bool:
        return credential.startswith(("wrong", "expired")) or (credential != "" and credential == self.ended)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        self.calls += 1
        is_wrong = self.refuses(any_credential(scope))
        if not is_wrong and any_credential(scope):
            request_context.current().caller = self.caller
        if any_credential(scope).startswith("expired"):
            request_context.current().refusal = unauthorized("key-expired", "it has expired")
        await send({"type": "http.response.start", "status": 401 if is_wrong else 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def limited(
    application: Application, *, calls: int = 1000, failures: int = 1000, identity: int = 1000
) -> tuple[RequestScope, Counter[str]]:
    """The application behind both limits."""
    storage, refused = BoundedStorage(), Counter[str]()

    def count(reason: str) -> None:
        refused[reason] += 1

    rate = Rate("identity", identity, storage)

    async def identified(scope: Scope, receive: Any, send: Any) -> None:
        if any_credential(scope) and not application.refuses(any_credential(scope)):
            request_context.current().caller = application.caller
        await IdentityLimit(application, rate, count)(scope, receive, send)

    rates = Rate("address", calls, storage), Rate("failures", failures, storage)
    return RequestScope(AddressLimit(identified, *rates, any_credential, count)), refused


async def status(app: Any, credential: str = "", address: str = "192.0.2.1", **scope: Any) -> int:
    headers = [(b"authorization", credential.encode())] if credential else []
    sent = await call(app, client=(address, 1), headers=headers, **scope)
    return int(sent[0]["status"])


async def test_an_address_has_its_calls_a_minute_and_others_have_theirs() -> None:
    app, refused = limited(Application(), calls=3)
    assert [await status(app) for _ in range(5)] == [200, 200, 200, 429, 429]
    assert await status(app, address="192.0.2.2") == 200
    assert refused == {"address": 2}


async def test_a_site_with_many_ipv6_addresses_has_one_limit() -> None:
    app, _ = limited(Application(), calls=2)
    assert [await status(app, address=f"2001:db8::{number}") for number in range(3)] == [200, 200, 429]
    assert await status(app, address="2001:db8:0:1::1") == 200


async def test_health_and_metrics_are_never_limited() -> None:
    app, _ = limited(Application(), calls=1)
    for path in ("/health", "/ready", "/metrics"):
        assert [await status(app, path=path, method="GET") for _ in range(3)] == [200] * 3


async def test_a_refusal_names_the_policy_and_when_to_retry() -> None:
    app, _ = limited(Application(), calls=1)
    await status(app)
    start, body = await call(app, client=("192.0.2.1", 1))
    headers = {name: value.decode() for name, value in start["headers"]}
    assert 1 <= int(headers[b"retry-after"]) <= 60
    assert headers[b"ratelimit-policy"] == '"address";q=1;w=60'
    assert headers[b"ratelimit"].startswith('"address";r=0;t=')
    assert b"RATE_LIMITED" in body["body"]


async def test_wrong_credentials_are_counted_and_then_refused_unheard() -> None:
    application = Application()
    app, refused = limited(application, failures=3)
    assert [await status(app, f"wrong {number}") for number in range(5)] == [401, 401, 401, 429, 429]
    assert application.calls == 3
    assert refused == {"failures": 2}


async def test_behind_the_same_address_proven_credentials_and_calls_without_any_go_on() -> None:
    app, _ = limited(Application(), failures=2)
    assert await status(app, "right") == 200
    assert [await status(app, "wrong") for _ in range(3)] == [401, 401, 429]
    assert await status(app, "right") == 200
    assert await status(app) == 200
    assert await status(app, "unknown until now") == 429
    assert await status(app, "unknown until now", address="192.0.2.2") == 200


async def test_a_program_that_repeats_an_expired_key_does_not_lock_out_new_tokens_of_its_address() -> None:
    app, _ = limited(Application(), failures=3)
    assert [await status(app, "expired") for _ in range(10)] == [401] * 10
    assert await status(app, "renewed a moment ago") == 200
    assert [await status(app, f"expired {number}") for number in range(4)] == [401, 401, 429, 429]


async def test_a_credential_that_ends_is_a_wrong_one_from_then_on() -> None:
    application = Application()
    app, _ = limited(application, failures=2)
    assert await status(app, "right") == 200
    application.ended = "right"
    assert [await status(app, "right") for _ in range(4)] == [401, 401, 429, 429]


async def test_an_identity_has_its_calls_whatever_its_addresses_are() -> None:
    app, refused = limited(Application(), identity=3)
    found = [await status(app, "right", address=f"192.0.2.{number}") for number in range(5)]
    assert found == [200, 200, 200, 429, 429]
    assert refused == {"identity": 2}


async def test_an_answer_tells_how_many_calls_are_left() -> None:
    app, _ = limited(Application(), identity=3)
    sent = await call(app, client=("192.0.2.1", 1), headers=[(b"authorization", b"right")])
    headers = dict(sent[0]["headers"])
    assert headers[b"ratelimit-policy"] == b'"identity";q=3;w=60'
    assert headers[b"ratelimit"].startswith(b'"identity";r=2;t=')


@pytest.mark.parametrize("caller", [LOCAL, Caller("", CallerKind.NONE)])
async def test_a_caller_without_an_identity_has_no_limit_of_its_own(caller: Caller) -> None:
    app, _ = limited(Application(caller), identity=1)
    assert [await status(app, "right") for _ in range(3)] == [200] * 3


async def test_a_socket_beyond_the_rate_is_accepted_and_closed_with_a_code() -> None:
    app, _ = limited(Application(), calls=1)
    await status(app)
    sent = await call(app, {"type": "websocket.connect"}, type="websocket", client=("192.0.2.1", 1))
    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1013


async def test_a_socket_and_a_body_are_counted_whatever_their_path_is() -> None:
    app, _ = limited(Application(), calls=1)
    assert await status(app, path="/health", method="POST") == 200
    assert await status(app, path="/health", method="POST") == 429
    opening = {"type": "websocket.connect"}
    sent = await call(app, opening, type="websocket", client=("192.0.2.1", 1), path="/health")
    assert sent[1]["code"] == 1013


async def test_the_counters_of_a_flood_of_addresses_make_room() -> None:
    storage = BoundedStorage(most=100)
    rate = Rate("address", 2, storage)
    for number in range(1000):
        assert await rate.hit(f"address {number}")
        await rate.hit("a busy one")
    assert len(storage.storage) == len(storage.expirations) == 100
    assert not await rate.has_left("a busy one")


async def test_recent_credentials_are_bounded_and_expire() -> None:
    now = 0.0
    proven = RecentCredentials(600, clock=lambda: now, most=2)
    for each in (b"1", b"2", b"3"):
        proven.add(each)
    assert [proven.has(each) for each in (b"1", b"2", b"3")] == [False, True, True]
    now = 601.0
    assert not proven.has(b"3")

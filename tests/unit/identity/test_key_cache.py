"""The cache of the provider's keys: rotation, removed keys, floods and outages, on a clock that the test moves."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from shared.errors import DependencyUnavailable, Refused
from shared.identity.caller import Caller
from shared.identity.claims import ClaimPaths
from shared.identity.key_cache import MOST_WAITING, PAUSE, REFRESH_AFTER, WAIT_AFTER, KeyCache
from shared.identity.key_set import KeySet, read_keys
from shared.identity.settings import IdentitySettings
from shared.identity.tokens import TokenVerifier
from shared.identity.verifiers import unavailable
from tests.support.polling import eventually
from tests.support.token_issuer import CLIENT, TokenIssuer, ec_key, public_jwk

T = TypeVar("T")
OUTAGE_GRACE = 600.0


@dataclass
class Bench:
    """A verifier on an issuer without a server: `fetch` reads what the issuer has published at that moment."""

    issuer: TokenIssuer = field(default_factory=lambda: TokenIssuer("https://id.example.com"))
    seconds: float = 1000.0
    fetched: list[float] = field(default_factory=list)
    is_away: bool = False
    held: asyncio.Event | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.keys = KeyCache(
            self._fetch, outage_seconds=OUTAGE_GRACE, skew=30.0, now=lambda: self.seconds, sleep=self._sleep
        )
        settings = IdentitySettings(oidc_issuer=self.issuer.url, oidc_client_id=CLIENT)
        self.verifier = TokenVerifier(settings.token_rules, ClaimPaths(), self.keys)

    async def _fetch(self) -> KeySet:
        self.fetched.append(self.seconds)
        if self.held is not None:
            await self.held.wait()
        if self.is_away:
            raise unavailable("no answer")
        return read_keys({"keys": [public_jwk(key, key_id) for key_id, key in self.issuer.keys.items()]})

    async def _sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until:
            await self.moved.wait()

    async def advance(self, seconds: float) -> None:
        """Move the clock, and let what is due be done."""
        await _progress()
        self.seconds += seconds
        self.moved.set()
        self.moved = asyncio.Event()
        await _progress()

    async def call(self, token: str) -> Caller:
        return await self.verifier.caller(token)

    async def end_of(self, call: Coroutine[Any, Any, T]) -> T:
        """What a call answers, while the clock goes on as long as it waits."""
        task = asyncio.ensure_future(call)
        await _progress()
        while not task.done():
            await self.advance(1)
        return task.result()


async def _progress() -> None:
    """Let the tasks run until each waits for the clock or for an event: nothing here waits for anything else."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.keys.close()


async def outcome(call: Any) -> str:
    try:
        await call
    except (Refused, DependencyUnavailable) as error:
        return error.message_id
    return "accepted"


def stranger(bench: Bench, number: int, **claims: Any) -> str:
    """A token with an id that no key has."""
    return bench.issuer.token(f"unknown-{number}", key=FOREIGN, **claims)


FOREIGN = ec_key()


async def test_many_first_calls_share_one_fetch(bench: Bench) -> None:
    token = bench.issuer.token()
    callers = await asyncio.gather(*(bench.call(token) for _ in range(50)))

    assert {each.subject for each in callers} == {"user-1"}
    assert len(bench.fetched) == 1


async def test_known_keys_are_not_fetched_again_for_30_s(bench: Bench) -> None:
    for _ in range(100):
        await bench.call(bench.issuer.token())
    await bench.advance(REFRESH_AFTER - 1)
    await bench.call(bench.issuer.token())
    await _progress()

    assert len(bench.fetched) == 1


async def test_a_token_of_a_new_key_is_accepted_at_its_first_call(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    await bench.advance(PAUSE)
    bench.issuer.keys["next"] = ec_key()
    token = bench.issuer.token("next")
    callers = await asyncio.gather(*(bench.call(token) for _ in range(50)))

    assert {each.subject for each in callers} == {"user-1"}
    assert len(bench.fetched) == 2


async def test_a_key_that_is_new_right_after_a_fetch_is_waited_for(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    await bench.advance(1)
    bench.issuer.keys["next"] = ec_key()
    call = asyncio.create_task(bench.call(bench.issuer.token("next")))
    await bench.advance(PAUSE - 1)

    assert (await call).subject == "user-1"
    assert bench.fetched == [1000.0, 1000.0 + PAUSE]


async def test_a_key_that_is_new_during_a_fetch_is_waited_for(bench: Bench) -> None:
    bench.held = asyncio.Event()
    first = asyncio.create_task(bench.call(bench.issuer.token()))
    await eventually(lambda: _is(bool(bench.fetched)))
    new = ec_key()
    second = asyncio.create_task(bench.call(bench.issuer.token("next", key=new)))
    await asyncio.sleep(0)
    bench.held.set()
    # What the fetch in flight answers was decided before the key existed.
    await first
    bench.issuer.keys["next"] = new
    await bench.advance(PAUSE)

    assert (await second).subject == "user-1"
    assert bench.fetched == [1000.0, 1000.0 + PAUSE]


async def test_rotation_every_minute_fails_no_call_and_fetches_at_most_once_in_10_s(bench: Bench) -> None:
    for minute in range(5):
        new = f"key-{minute}"
        bench.issuer.keys = {**dict(list(bench.issuer.keys.items())[-1:]), new: ec_key()}
        for _ in range(60):
            await bench.advance(1)
            assert (await bench.end_of(bench.call(bench.issuer.token(new)))).subject == "user-1"

    _assert_paused(bench.fetched)


@pytest.mark.parametrize("step", [0.5, 7, 29, 49, 59])
async def test_a_removed_key_is_refused_within_60_s(bench: Bench, step: float) -> None:
    token = bench.issuer.token()
    await bench.call(token)
    bench.issuer.keys = {"next": ec_key()}
    removed = bench.seconds
    while bench.seconds - removed < 60:
        await bench.advance(step)
        last = await bench.end_of(outcome(bench.call(token)))

    assert last == "token-key"
    _assert_paused(bench.fetched)


async def test_an_idle_service_refuses_a_removed_key_at_the_first_call(bench: Bench) -> None:
    token = bench.issuer.token()
    await bench.call(token)
    bench.issuer.keys = {"next": ec_key()}
    await bench.advance(WAIT_AFTER)

    assert await bench.end_of(outcome(bench.call(token))) == "token-key"


async def test_a_key_that_was_replaced_under_its_id_is_refused_too(bench: Bench) -> None:
    token = bench.issuer.token()
    await bench.call(token)
    bench.issuer.keys = {"first": ec_key()}
    await bench.advance(WAIT_AFTER)

    assert await outcome(bench.call(token)) == "token-signature"


async def test_a_flood_of_unknown_keys_is_one_fetch_in_10_s(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    began, known = bench.seconds, bench.issuer.token()
    results: Counter[str] = Counter()
    for wave in range(10):
        flood = [
            asyncio.create_task(outcome(bench.call(stranger(bench, wave * 1000 + number)))) for number in range(200)
        ]
        await _progress()
        # Known keys are not held up by it.
        assert (await bench.call(known)).subject == "user-1"
        while not all(each.done() for each in flood):
            await bench.advance(1)
        results.update(each.result() for each in flood)

    assert results == {"token-key": 10 * MOST_WAITING, "DEPENDENCY_UNAVAILABLE": 10 * (200 - MOST_WAITING)}
    assert len(bench.fetched) <= 2 + (bench.seconds - began) / PAUSE
    _assert_paused(bench.fetched)


async def test_a_flood_of_tokens_that_can_t_be_right_causes_no_fetch(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    await bench.advance(PAUSE)
    old = int(time.time()) - 200
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"iss": "https://other.example.com"}, "token-issuer"),
        ({"aud": "other"}, "token-audience"),
        ({"exp": 1}, "token-expired"),
        ({"iat": old}, "token-key"),
    )
    for claims, reason in wrong:
        assert await outcome(bench.call(stranger(bench, 1, **claims))) == reason

    assert len(bench.fetched) == 1


async def test_calls_beyond_those_that_may_wait_are_told_when_to_come_back(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    await bench.advance(4)
    waiting = asyncio.gather(*(outcome(bench.call(stranger(bench, number))) for number in range(MOST_WAITING)))
    await _progress()
    with pytest.raises(DependencyUnavailable) as busy:
        await bench.call(stranger(bench, MOST_WAITING))
    await bench.advance(PAUSE - 4)

    assert busy.value.delay == PAUSE - 4
    assert set(await waiting) == {"token-key"}


async def test_a_slow_provider_holds_up_no_call_with_a_known_key(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    bench.held = asyncio.Event()
    await bench.advance(REFRESH_AFTER)
    for _ in range(3):
        assert (await bench.call(bench.issuer.token())).subject == "user-1"
    bench.held.set()
    await _progress()

    assert len(bench.fetched) == 2


async def test_in_an_outage_known_keys_are_used_for_a_bounded_time(bench: Bench) -> None:
    token = bench.issuer.token()
    await bench.call(token)
    began, bench.is_away = bench.seconds, True
    while bench.seconds - began <= OUTAGE_GRACE - 5:
        await bench.advance(5)
        assert await outcome(bench.call(token)) == "accepted"
    bench.seconds = began + OUTAGE_GRACE + 1
    with pytest.raises(DependencyUnavailable) as away:
        await bench.call(token)

    assert away.value.delay is not None
    assert 1 <= away.value.delay <= PAUSE
    assert "no answer" not in away.value.message, "addresses and reasons are for the log"
    _assert_paused(bench.fetched)


async def test_in_an_outage_an_unknown_key_is_answered_at_once_with_a_delay(bench: Bench) -> None:
    await bench.call(bench.issuer.token())
    bench.is_away = True
    await bench.advance(PAUSE)
    assert await outcome(bench.call(stranger(bench, 1))) == "DEPENDENCY_UNAVAILABLE"
    await bench.advance(3)
    with pytest.raises(DependencyUnavailable) as away:
        await bench.call(stranger(bench, 2))

    assert away.value.delay == PAUSE - 3
    assert len(bench.fetched) == 2


async def test_after_an_outage_everything_is_as_before(bench: Bench) -> None:
    bench.is_away = True
    assert bench.keys.state() == "its keys are being fetched"
    assert await outcome(bench.call(bench.issuer.token())) == "DEPENDENCY_UNAVAILABLE"
    assert bench.keys.state() == "identity provider is not available: no answer"
    bench.is_away = False
    await bench.advance(PAUSE)
    await _progress()

    assert await outcome(bench.call(bench.issuer.token())) == "accepted"
    assert bench.keys.state() is None


async def test_a_caller_that_gives_up_doesn_t_end_the_fetch_of_the_others(bench: Bench) -> None:
    bench.held = asyncio.Event()
    impatient = asyncio.create_task(bench.call(bench.issuer.token()))
    patient = asyncio.create_task(bench.call(bench.issuer.token()))
    await eventually(lambda: _is(bool(bench.fetched)))
    impatient.cancel()
    bench.held.set()

    assert (await patient).subject == "user-1"
    assert len(bench.fetched) == 1


async def test_a_checked_token_counts_until_its_expiry_and_no_longer() -> None:
    bench, wall = Bench(), [2_000_000_000.0]
    settings = IdentitySettings(oidc_issuer=bench.issuer.url, oidc_client_id=CLIENT, oidc_clock_skew=0)
    verifier = TokenVerifier(settings.token_rules, ClaimPaths(), bench.keys, lambda: wall[0])
    token = bench.issuer.token(iat=int(wall[0]), exp=int(wall[0]) + 100)
    assert (await verifier.caller(token)).expires_at == wall[0] + 100
    wall[0] += 99.9
    assert (await verifier.caller(token)).subject == "user-1"
    wall[0] += 0.1

    assert await outcome(verifier.caller(token)) == "token-expired"
    await bench.keys.close()


def _assert_paused(fetched: list[float]) -> None:
    pauses = [later - earlier for earlier, later in itertools.pairwise(fetched)]
    assert all(pause >= PAUSE for pause in pauses), pauses


async def _is(value: bool) -> bool:
    return value

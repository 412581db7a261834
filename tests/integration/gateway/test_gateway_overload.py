"""Ten times as many calls as the gateway accepts, from real connections."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest

from embedded.postgres import PostgresServer
from services.gateway.limits.wiring import Limits
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, make_databases, running_gateway, wait_until_ready
from tests.support.http_client import local_client
from tests.support.polling import eventually

AT_ONCE, WAITING = 4, 8
ACCEPTED = AT_ONCE + WAITING
CLIENTS = 10 * ACCEPTED
CALLS = 5


@pytest.fixture(scope="module")
async def small(nats_url: str, postgres: PostgresServer) -> AsyncIterator[Gateway]:
    """A gateway with few slots. Its timeouts are long, so that a slow machine doesn't end what the test holds."""
    urls = await make_databases(postgres, f"overload_{uuid4().hex}")
    seconds = {"call_wait": 100, "database_command_timeout": 100, "database_connect_timeout": 100}
    slots = {"calls_at_once": AT_ONCE, "calls_waiting": WAITING, "database_pool_size": AT_ONCE}
    async with running_gateway(nats_url=nats_url, **urls, **slots, **seconds) as running:
        await wait_until_ready(running)
        yield running


class Clients:
    """Real connections, one for each client."""

    def __init__(self, gateway: Gateway) -> None:
        self._url = f"http://127.0.0.1:{gateway.settings.port}"
        self.answers: list[httpx.Response] = []

    async def call(self, times: int) -> None:
        async with local_client(timeout=110) as client:
            for _ in range(times):
                self.answers.append(await client.get(f"{self._url}/api/v1/tenants/", headers=DEMO))

    async def health(self) -> int:
        async with local_client(timeout=110) as client:
            return (await client.get(f"{self._url}/health")).status_code

    @property
    def statuses(self) -> Counter[int]:
        return Counter(each.status_code for each in self.answers)


def check_refusals(answers: list[httpx.Response]) -> None:
    for each in answers:
        if each.status_code != 200:
            assert each.status_code == 503, each.text
            assert each.json()["error"]["code"] == "OVERLOADED"
            assert int(each.headers["retry-after"]) > 0


async def test_of_ten_times_too_many_calls_the_bound_is_kept_and_health_answers(small: Gateway) -> None:
    clients = Clients(small)
    slots = small.app.state.limits.slots[Mode.DEMO, "reads"]
    connection = await asyncpg.connect(small.settings.demo_database_url)
    try:
        async with connection.transaction():
            # No call can end before all of them have come.
            await connection.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
            tasks = [asyncio.create_task(clients.call(1)) for _ in range(CLIENTS)]

            async def all_others_are_refused() -> bool:
                return clients.statuses[503] == CLIENTS - ACCEPTED

            await eventually(all_others_are_refused, 100)
            assert clients.statuses == {503: CLIENTS - ACCEPTED}
            assert (slots.in_work, slots.waiting) == (AT_ONCE, WAITING)
            assert await clients.health() == 200
            shown = (await small.http.get(f"http://127.0.0.1:{small.settings.port}/metrics")).text
            assert f'ecp_calls_waiting{{kind="reads",mode="demo"}} {float(WAITING)}' in shown
    finally:
        await connection.close()
    await asyncio.gather(*tasks)
    assert clients.statuses == {200: ACCEPTED, 503: CLIENTS - ACCEPTED}
    check_refusals(clients.answers)


async def test_under_a_flood_no_more_than_the_bounds_are_in_work_and_each_call_is_answered(
    small: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Clients(small)
    limits: Limits = small.app.state.limits
    slots = limits.slots[Mode.DEMO, "reads"]
    enter, seen = slots.enter, []

    async def entering() -> None:
        await enter()
        seen.append((slots.in_work, slots.waiting))

    monkeypatch.setattr(slots, "enter", entering)
    healths: list[int] = []

    async def ask_for_health() -> None:
        while True:
            healths.append(await clients.health())

    asking = asyncio.create_task(ask_for_health())
    await asyncio.gather(*(clients.call(CALLS) for _ in range(CLIENTS)))
    asking.cancel()
    await asyncio.wait([asking])
    assert len(clients.answers) == CLIENTS * CALLS
    check_refusals(clients.answers)
    assert clients.statuses[200] == len(seen) >= ACCEPTED
    # What bounds the wait of an accepted call: never more before it than this.
    assert max(inside for inside, _ in seen) <= AT_ONCE
    assert max(waiting for _, waiting in seen) <= WAITING
    assert set(healths) == {200}
    assert (slots.in_work, slots.waiting) == (0, 0)


async def test_rates_are_counted_over_http(small: Gateway) -> None:
    same = small.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with running_gateway(**same, rate_limits="on", address_rate=5, trusted_proxies=("127.0.0.1",)) as limited:
        await wait_until_ready(limited)
        for client in ("198.51.100.1", "198.51.100.2"):
            headers = {**DEMO, "X-Forwarded-For": client}
            answers = [await limited.http.get("/tenants/", headers=headers) for _ in range(7)]
            assert_five_a_minute([each.status_code for each in answers])
        refused = next(each for each in answers if each.status_code == 429)
        assert refused.json()["error"]["code"] == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) > 0


def assert_five_a_minute(statuses: list[int]) -> None:
    """Of seven calls the sixth or the seventh is refused: one more gets in where a minute ends between them."""
    assert statuses[:5] == [200] * 5
    assert 429 in statuses[5:]


async def test_a_forged_address_is_not_believed_without_a_trusted_proxy(small: Gateway) -> None:
    same = small.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with running_gateway(**same, rate_limits="on", address_rate=5) as limited:
        # `/ready` isn't counted, so that nothing else uses the rate up.
        await wait_until_ready(limited)
        statuses = [
            (await limited.http.get("/tenants/", headers={**DEMO, "X-Forwarded-For": f"198.51.100.{n}"})).status_code
            for n in range(7)
        ]
    assert_five_a_minute(statuses)


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (f"/tenants/?x={'a' * 9000}", {}, 414, "URL_TOO_LONG"),
        ("/tenants/", {f"x-{number}": "1" for number in range(120)}, 431, "HEADERS_TOO_LARGE"),
    ],
)
async def test_a_head_beyond_its_bounds_is_refused_as_documented(
    small: Gateway, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await small.http.get(path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

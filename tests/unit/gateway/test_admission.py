"""Bounds of calls in work and of those that wait."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from starlette.types import Message

from services.gateway.http.middleware import ModeChoice, RequestScope
from services.gateway.limits.admission import Admission, build_slots
from services.gateway.limits.call_slots import CallSlots
from shared.errors import Overloaded
from tests.support.asgi import call

AT_ONCE, WAITING = 4, 6


class Work:
    """An application whose calls end when a test lets them, and that knows how many are in it."""

    def __init__(self) -> None:
        self.inside = self.most_inside = 0
        self.begun: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(scope["path"])
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await self.go.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def admitted(work: Any, seconds: float = 60.0) -> tuple[RequestScope, Counter[str]]:
    refused = Counter[str]()

    def count(reason: str) -> None:
        refused[reason] += 1

    slots = build_slots(AT_ONCE, WAITING, seconds)
    return RequestScope(ModeChoice(Admission(work, slots, count))), refused


async def status(app: Any, **scope: Any) -> int:
    sent = await call(app, **scope)
    if sent[0]["status"] == 503:
        assert (b"retry-after", b"2") in sent[0]["headers"]
        assert b"OVERLOADED" in sent[1]["body"]
    return int(sent[0]["status"])


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_of_ten_times_too_many_calls_only_the_bounds_are_accepted_in_their_order() -> None:
    work = Work()
    app, refused = admitted(work)
    tasks = [asyncio.create_task(status(app, path=f"/api/v1/{number:03}")) for number in range(10 * AT_ONCE)]
    await settled()
    assert work.inside == AT_ONCE
    work.go.set()
    found = Counter(await asyncio.gather(*tasks))
    assert found == {200: AT_ONCE + WAITING, 503: 10 * AT_ONCE - AT_ONCE - WAITING}
    assert work.most_inside == AT_ONCE
    assert work.begun == sorted(work.begun)
    assert refused["overloaded"] == found[503]


async def test_reads_writes_and_modes_have_slots_of_their_own() -> None:
    work = Work()
    app, _ = admitted(work)
    scopes: list[dict[str, Any]] = [
        {"method": method, "headers": [(b"x-demo-mode", demo)]}
        for method in ("GET", "POST")
        for demo in (b"true", b"false")
    ]
    tasks = [asyncio.create_task(status(app, **scope)) for scope in scopes for _ in range(AT_ONCE + WAITING)]
    await settled()
    assert work.inside == 4 * AT_ONCE
    work.go.set()
    assert set(await asyncio.gather(*tasks)) == {200}


async def test_health_is_answered_while_all_slots_are_taken() -> None:
    work = Work()
    app, _ = admitted(work)
    tasks = [asyncio.create_task(status(app)) for _ in range(AT_ONCE + WAITING)]
    await settled()
    health = asyncio.create_task(status(app, path="/health", method="GET"))
    await settled()
    assert "/health" in work.begun
    work.go.set()
    assert set(await asyncio.gather(health, *tasks)) == {200}


async def test_a_client_that_reads_slowly_holds_no_slot() -> None:
    reading = asyncio.Event()
    work = Work()
    work.go.set()
    app, _ = admitted(work)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def slow(message: Message) -> None:
        if message["type"] == "http.response.body":
            await reading.wait()

    scope = {"type": "http", "method": "POST", "path": "/api/v1/x", "headers": [], "query_string": b""}
    readers = [asyncio.create_task(app(dict(scope), receive, slow)) for _ in range(AT_ONCE + WAITING)]
    await settled()
    assert await status(app) == 200
    reading.set()
    await asyncio.gather(*readers)


async def test_a_call_that_fails_or_is_cancelled_frees_its_slot() -> None:
    slots = build_slots(1, 1, 60.0)

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError

    app = RequestScope(Admission(broken, slots, lambda reason: None))
    for _ in range(5):
        with pytest.raises(KeyError):
            await call(app)
    work = Work()
    app = RequestScope(Admission(work, slots, lambda reason: None))
    for _ in range(5):
        task = asyncio.create_task(call(app))
        await settled()
        task.cancel()
        await asyncio.wait([task])
    assert all(each.in_work == each.waiting == 0 for each in slots.values())


async def test_a_call_waits_no_longer_than_it_may() -> None:
    slots = CallSlots("reads", at_once=1, most_waiting=1, seconds=0.01)
    await slots.enter()
    with pytest.raises(Overloaded, match="none of 1 ended within"):
        await slots.enter()
    assert (slots.in_work, slots.waiting) == (1, 0)
    slots.leave()
    await slots.enter()


async def test_a_cancelled_wait_takes_no_slot() -> None:
    slots = CallSlots("reads", at_once=1, most_waiting=5, seconds=60)
    await slots.enter()
    waiting = [asyncio.create_task(slots.enter()) for _ in range(3)]
    await settled()
    waiting[0].cancel()
    slots.leave()
    await settled()
    assert [each.done() for each in waiting] == [True, True, False]
    assert (slots.in_work, slots.waiting) == (1, 1)
    slots.leave()
    await waiting[2]
    assert slots.in_work == 1

"""Bounds of both APIs of the simulator: large heads, and requests in flight."""

import asyncio
import json
from typing import Any

import pytest

from services.simulator.api.routing.guard import guarded
from services.simulator.api.routing.in_flight import MOST
from services.simulator.settings import SimulatorSettings
from tests.support.asgi import call, echo

HOST = (b"host", b"localhost")
PODS = "/api/v1/namespaces/a/pods"


async def send(app: Any, path: str = PODS, query: bytes = b"", *headers: tuple[bytes, bytes]) -> tuple[int, Any]:
    """Status and body."""
    sent = await call(
        app, method="GET", path=path, raw_path=path.encode(), query_string=query, headers=[HOST, *headers]
    )
    return sent[0]["status"], sent


def reason_of(sent: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sent[1]["body"])
    assert body["kind"] == "Status"
    return body


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (b"labelSelector=" + b"a" * 9000, [], 414),
        (b"", [(b"x-a", b"a" * 33_000)], 431),
        (b"", [(b"x-a", b"a")] * 101, 431),
        (b"labelSelector=" + b"a" * 4000, [(b"authorization", b"a" * 8000)], 200),
    ],
)
async def test_a_head_that_is_too_large_is_refused(
    query: bytes, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    found, sent = await send(guarded(echo, SimulatorSettings()), PODS, query, *headers)
    assert found == status
    if status != 200:
        assert reason_of(sent)["code"] == status


class Waiting:
    """Answers when it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == PODS:
            await self.released.wait()
        await echo(scope, receive, send)


async def test_beyond_the_bound_of_a_real_server_clients_are_told_to_try_again() -> None:
    app = Waiting()
    bounded = guarded(app, SimulatorSettings())
    watches = [asyncio.create_task(send(bounded, query=b"watch=true")) for _ in range(50)]
    working = [asyncio.create_task(send(bounded, query=b"watch=false")) for _ in range(MOST)]
    await asyncio.sleep(0)
    status, sent = await send(bounded, "/api/v1/nodes")
    assert (status, reason_of(sent)["reason"]) == (429, "TooManyRequests")
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert (await send(bounded, "/readyz"))[0] == 200
    watches.append(asyncio.create_task(send(bounded, query=b"follow=1")))
    app.released.set()
    assert {status for status, _ in await asyncio.gather(*watches, *working)} == {200}
    assert (await send(bounded, "/api/v1/nodes"))[0] == 200

"""Unfinished bodies of all clients together use a bounded amount of memory."""

import asyncio
from typing import Any

import pytest

from services.simulator.api.errors import ApiError
from services.simulator.api.routing.requests import Request

_HALF = bytes(2 * 1024 * 1024)


async def test_half_bodies_hold_128_mib_and_the_next_is_told_to_come_again() -> None:
    readings = [asyncio.ensure_future(_request().body()) for _ in range(64)]
    await asyncio.sleep(0)
    assert Request.held == 64 * len(_HALF)
    with pytest.raises(ApiError) as refused:
        await _request().body()
    assert refused.value.code == 503
    for reading in readings:
        reading.cancel()
    await asyncio.gather(*readings, return_exceptions=True)
    assert Request.held == 0


def _request() -> Request:
    messages = [{"type": "http.request", "body": _HALF, "more_body": True}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    return Request({"method": "POST", "headers": [], "query_string": b""}, receive)

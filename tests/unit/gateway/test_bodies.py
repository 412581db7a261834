"""Bodies that never arrive whole: nothing of the request is done."""

import asyncio
from typing import Any

import pytest

from services.gateway.http import request_context
from services.gateway.http.bodies import BodyLimit, JsonBody
from services.gateway.http.request_context import RequestContext
from shared.identity.caller import LOCAL, Caller, CallerKind, Role
from tests.support.asgi import call, echo

LEFT = {"type": "http.disconnect"}
LENGTH = [(b"content-length", b"62"), (b"content-type", b"application/json")]


async def test_a_request_that_is_cut_off_before_its_body_is_not_executed() -> None:
    assert await call(BodyLimit(JsonBody(echo), limit=100), LEFT, headers=LENGTH) == []


async def test_a_request_that_is_cut_off_inside_its_body_is_not_executed() -> None:
    half = {"type": "http.request", "body": b'{"deploy": true}', "more_body": True}
    chunked = [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]
    for headers in (LENGTH, chunked):
        assert await call(BodyLimit(JsonBody(echo), limit=100), half, LEFT, headers=headers) == []


async def test_a_body_that_is_too_large_and_then_cut_off_is_answered_by_nothing() -> None:
    large = {"type": "http.request", "body": b"x" * 200, "more_body": True}
    assert await call(BodyLimit(JsonBody(echo), limit=100), large, LEFT) == []


async def test_a_request_without_a_body_is_executed() -> None:
    [start, _] = await call(BodyLimit(JsonBody(echo), limit=100))
    assert start["status"] == 200


async def test_a_body_that_does_not_end_is_a_time_out() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": LENGTH, "query_string": b""}
    await BodyLimit(echo, limit=100, seconds=0.01)(scope, receive, send)
    assert sent[0]["status"] == 408
    assert b"REQUEST_TIMEOUT" in sent[1]["body"]


async def test_one_caller_or_address_holds_a_quarter_of_the_bytes_and_leaves_the_rest_to_others() -> None:
    limited = BodyLimit(echo, limit=10)
    left, half = asyncio.Event(), {"type": "http.request", "body": b"12345", "more_body": True}
    chunked = [(b"transfer-encoding", b"chunked")]

    async def status(caller: Caller, address: str, *, stays: bool = False) -> int:
        messages = [half] if stays else [{"type": "http.request", "body": b"1"}]

        async def receive() -> dict[str, Any]:
            if not messages:
                await left.wait()
                return LEFT
            return messages.pop()

        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/x", "headers": chunked, "client": (address, 1)}
        with request_context.requesting(RequestContext("req", caller=caller)):
            await limited(scope, receive, send)
        return int(sent[0]["status"]) if sent else 0

    ann, ben = (Caller(name, CallerKind.KEY, Role.VIEWER) for name in ("ann", "ben"))
    held = [asyncio.create_task(status(ann, f"192.0.2.{number}", stays=True)) for number in range(16)]
    held += [asyncio.create_task(status(LOCAL, "198.51.100.1", stays=True)) for _ in range(16)]
    await asyncio.sleep(0)
    assert [await status(ann, "192.0.2.99"), await status(LOCAL, "198.51.100.1")] == [503, 503]
    assert [await status(ben, "192.0.2.1"), await status(LOCAL, "198.51.100.2")] == [200, 200]
    assert await status(LOCAL, "127.0.0.1") == 200
    left.set()
    assert set(await asyncio.gather(*held)) == {0}
    assert [await status(ann, "192.0.2.99"), await status(LOCAL, "198.51.100.1")] == [200, 200]


async def test_bodies_that_are_half_there_hold_a_bounded_number_of_bytes() -> None:
    limited = BodyLimit(echo, limit=10)
    left = asyncio.Event()

    async def half() -> dict[str, Any]:
        await left.wait()
        return LEFT

    async def ignore(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"content-length", b"10")]}
    waiting = [asyncio.create_task(limited(scope, half, ignore)) for _ in range(64)]
    await asyncio.sleep(0)
    assert (await call(limited))[0]["status"] == 503
    left.set()
    await asyncio.gather(*waiting)
    assert (await call(limited))[0]["status"] == 200


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        (b'{"a": NaN}', b"line 1, column 7"),
        (b'{"a": -Infinity}', b"line 1, column 8"),
        (b'{"a": 1e400}', b"infinity"),
        (b'{"a": ' + b"9" * 5000 + b"}", b"infinity"),
        (b'{"a": "\\ud800"}', b"surrogate"),
        (b'{"a": "\xed\xa0\x80"}', b"UTF-8"),
        ('{"a": 1}'.encode("utf-16"), b"UTF-8"),
        (b'{"a": ' * 65 + b"1" + b"}" * 65, b"more than 64 levels"),
        (b"[" * 990 + b"]" * 990, b"more than 64 levels"),
        (b"[" * 100_000, b"column"),
        (b" ", b"empty"),
    ],
)
async def test_json_that_nothing_behind_can_hold_is_refused_before_it_is_parsed(body: bytes, advice: bytes) -> None:
    request = {"type": "http.request", "body": body, "more_body": False}
    start, end = await call(JsonBody(echo), request, headers=LENGTH)
    assert start["status"] == 422
    assert b"VALIDATION_ERROR" in end["body"]
    assert advice in end["body"]


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'\xef\xbb\xbf{"a": 1}', b'"a\\u0000b"', b"[" * 64 + b"]" * 64])
async def test_json_that_is_only_odd_goes_on_without_its_mark_of_the_encoding(body: bytes) -> None:
    request = {"type": "http.request", "body": body, "more_body": False}
    start, end = await call(JsonBody(echo), request, headers=LENGTH)
    assert start["status"] == 200
    assert end["body"] == body.removeprefix(b"\xef\xbb\xbf")

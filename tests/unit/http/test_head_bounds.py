"""Bounds of a request's head."""

from typing import Any

import pytest

from services.gateway.http.responses import error_response
from shared.http.head_bounds import HeadBounds
from tests.support.asgi import call, echo

MANY = [(b"x", b"1")] * 101
LARGE = [(b"x", b"1" * 9000)] * 4


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({}, 200),
        ({"query_string": b"a" * 8000, "raw_path": b"/api"}, 200),
        ({"query_string": b"a" * 8193}, 414),
        ({"raw_path": b"/" * 8193}, 414),
        ({"headers": MANY[:100]}, 200),
        ({"headers": MANY}, 431),
        ({"headers": LARGE}, 431),
    ],
)
async def test_a_head_beyond_its_bounds_is_refused(scope: dict[str, Any], status: int) -> None:
    assert (await call(HeadBounds(echo, error_response), **scope))[0]["status"] == status

"""Drops requests whose deadline has passed: each request carries the time until which its sender waits.

Without it, a worker that was slow for a while would keep answering requests that nothing waits for, and be late for
all later ones. The deadline is wall-clock time because it crosses hosts: clocks may differ by `CLOCK_TOLERANCE`. A
deadline that is off by more than `_CLOCKS_DIFFER` must come from a wrong clock, and is ignored.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import AckMessage

_log = structlog.get_logger(__name__)
HEADER = "ecp-deadline"
CLOCK_TOLERANCE = 1.0
"""Seconds past its deadline in which a request is still handled."""
_CLOCKS_DIFFER = 300.0


def deadline_header(timeout: float, now: float) -> dict[str, str]:
    """The headers of a request sent at `now` (seconds since the epoch) whose sender waits for `timeout` seconds."""
    return {HEADER: f"{now + timeout:.3f}"}


def seconds_left(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds left to handle a request, 0 or less if it is too late; None if it has no usable deadline."""
    try:
        left = float(headers[HEADER]) - now
    except (KeyError, ValueError):
        return None
    return left + CLOCK_TOLERANCE if abs(left) < _CLOCKS_DIFFER else None


class Deadline(BaseMiddleware[Any, Any]):
    """Drops a request whose deadline has passed, and cancels its handler when the deadline passes."""

    def __init__(
        self, msg: Any, /, *, context: Any, dropped: Callable[[], None], now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(msg, context=context)
        self._dropped = dropped
        self._now = now

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        left = seconds_left(msg.headers, self._now())
        try:
            async with asyncio.timeout(None if left is None else max(left, 0.0)):
                if left is not None and left <= 0:
                    raise TimeoutError
                return await call_next(msg)
        except TimeoutError as error:
            self._dropped()
            _log.info("Dropped an expired request.", action="drop-expired")
            raise AckMessage from error  # without an answer: nothing listens for it

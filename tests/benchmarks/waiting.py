"""Waits without a limit of time: for as long as there is progress, however slow a busy machine makes it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from tests.support.bench_report import note

STALLED_SECONDS = 60.0


async def until_set(done: asyncio.Event, finished: Callable[[], int], wanted: int) -> bool:
    """Wait for `done` while `finished` grows. Otherwise print how many of `wanted` finished, and return False."""
    seen = -1
    while not done.is_set():
        if finished() == seen:
            note(f"Only {seen} of {wanted} finished, and no further one in {STALLED_SECONDS:.0f} s; these are shown.")
            return False
        seen = finished()
        with suppress(TimeoutError):
            async with asyncio.timeout(STALLED_SECONDS):
                await done.wait()
    return True

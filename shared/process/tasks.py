"""Ends tasks reliably, and runs two coroutines to their ends.

Python 3.11's `asyncio.wait_for`, which nats-py uses for every request, swallows a cancellation that arrives together
with its result. One cancellation may therefore not be enough.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

_CANCEL_AGAIN = 1.0
"""Seconds until a task that is still running is cancelled again."""


async def cancel_until_ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` until all of them have ended; their exceptions are ignored. Meant for `finally`.

    A cancellation of the caller doesn't interrupt it, so that no task outlives the caller.
    """
    tasks = list(tasks)
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN)
        except asyncio.CancelledError:
            pending = {task for task in pending if not task.done()}
    for task in tasks:
        if not task.cancelled():
            task.exception()  # mark it as retrieved: asyncio would log it as lost otherwise


async def run_both(first: Coroutine[Any, Any, None], second: Coroutine[Any, Any, None]) -> None:
    """Run both concurrently, each to its end even if the other fails. Raises the first's error, else the second's."""
    for failure in await asyncio.gather(first, second, return_exceptions=True):
        if failure is not None:
            raise failure

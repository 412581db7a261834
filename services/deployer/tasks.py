"""Ends tasks for certain, and does two things at once.

Python 3.11's `asyncio.wait_for`, which nats-py uses for every request, swallows a cancellation that comes together with
its result. One cancellation may therefore not be enough, and who waits for the end must not be talked out of it.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

_TRY_AGAIN = 1.0


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` until all have ended, whatever they raise; meant for `finally`."""
    tasks = list(tasks)
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=_TRY_AGAIN)
        except asyncio.CancelledError:
            pending = {task for task in pending if not task.done()}
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio doesn't complain that nobody did


async def both(first: Coroutine[Any, Any, None], second: Coroutine[Any, Any, None]) -> None:
    """Do both at once, each to its end even if the other fails. Raises what the first raised, or else the second."""
    for failure in await asyncio.gather(first, second, return_exceptions=True):
        if failure is not None:
            raise failure

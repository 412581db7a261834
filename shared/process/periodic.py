"""Repeats a piece of work for as long as the process runs, such as housekeeping."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from shared.errors import TemporaryError

_log = structlog.get_logger(__name__)


async def repeat(name: str, work: Callable[[], Awaitable[object]], *, every: float, first: float = 0.0) -> None:
    """Do `work` after `first` seconds and then every `every` seconds, until cancelled.

    A TemporaryError, such as an unavailable database, skips one round. Any other error ends the repetition.
    """
    await asyncio.sleep(first)
    while True:
        try:
            await work()
        except TemporaryError as error:
            _log.info(
                f"Skipped {name}, retrying in {every:g} s: {error.message}", action="periodic-work-skipped", task=name
            )
        await asyncio.sleep(every)

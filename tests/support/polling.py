"""How tests wait: they poll with a deadline, and never sleep for a fixed time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

FIRST: Final = 0.02
LONGEST: Final = 0.2


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Return as soon as `holds` does; raises TimeoutError after `seconds`.

    The interval grows, so that a long wait doesn't take the processor from what is waited for.
    """
    interval = FIRST
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(interval)
            interval = min(interval * 1.2, LONGEST)

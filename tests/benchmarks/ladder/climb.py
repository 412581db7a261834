"""Creates the tenants of a rung by the API, and waits until all of them run."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import httpx

from tests.benchmarks.ladder.stack import RunningStack
from tests.support.ladder_options import KINDS, Budget

AT_ONCE = 8
"""Calls at a time."""
IN_FLIGHT = 64
"""Tenants that are deployed at a time: their pods take seconds to start, and more of them cost more progress events."""
STALLED_SECONDS = 300.0
"""Without a further running tenant: then what runs by now is measured. A machine under load makes progress slowly."""
_LOOK_SECONDS = 1.0


@dataclass
class Climb:
    """The way to a rung: tenants that exist and run, and what went wrong."""

    tenants: int = 0
    running: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


async def climb(stack: RunningStack, kind: str, numbers: Iterable[int], budget: Budget) -> Climb:
    """Create the tenants `numbers` while there is time, and wait until they run, for as long as more of them do."""
    began, reached, before = time.monotonic(), Climb(), await stack.servers.running()
    bodies = _bodies(kind, numbers)
    while budget.left > 0 and (some := list(islice(bodies, IN_FLIGHT))):
        left = iter(some)
        await asyncio.gather(*(_create_all(stack.gateway, left, reached) for _ in range(AT_ONCE)))
        # Most of these: the next ones begin while the last of them end.
        wanted = before + reached.tenants - IN_FLIGHT // 3
        if await _until_running(stack, wanted, budget) < wanted:
            break
    if next(bodies, None) is not None:
        stalled = f"no further one ran in {STALLED_SECONDS:.0f} s"
        reached.problems.append(stalled if budget.left > 0 else "out of time")
    reached.running = await _until_running(stack, before + reached.tenants, budget) - before
    reached.seconds = time.monotonic() - began
    if reached.running < reached.tenants:
        reached.problems.append(f"{reached.tenants - reached.running} don't run")
    return reached


def _bodies(kind: str, numbers: Iterable[int]) -> Iterator[dict[str, object]]:
    for name in (f"{kind}-{number}" for number in numbers):
        yield {"tenant_id": name, "name": name, "service_requirements": KINDS[kind]}


async def _create_all(gateway: httpx.AsyncClient, bodies: Iterator[dict[str, object]], reached: Climb) -> None:
    for body in bodies:
        try:
            (await gateway.post("/tenants/", json=body)).raise_for_status()
            reached.tenants += 1
        except httpx.HTTPError as error:
            reached.problems = [*reached.problems[:2], f"{body['tenant_id']}: {_reason(error)}"]


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.text[:200]}"
    return f"{type(error).__name__} {error}"


async def _until_running(stack: RunningStack, wanted: int, budget: Budget) -> int:
    """The tenants that run, once all of `wanted` do, or no more of them have for long, or the time is over."""
    running, changed = -1, time.monotonic()
    while True:
        now = await stack.servers.running()
        if now != running:
            running, changed = now, time.monotonic()
        if running >= wanted or time.monotonic() - changed > STALLED_SECONDS or budget.left <= 0:
            return running
        await asyncio.sleep(_LOOK_SECONDS)

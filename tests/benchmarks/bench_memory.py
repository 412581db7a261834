"""Memory of the whole stack with 200 tenants that are updated all the time: does it grow?

    make bench ARGS=memory
    HOURS=8 make bench ARGS=memory

Each tenant is updated eight times an hour, so that an hour has the updates of eight at one an hour. An update changes
its size and deploys it. The memory of each program (PSS) is sampled every 5 s; a line through it gives MB an
hour, with a 95 % confidence interval. A program grows if the whole interval is above 0. The default of 10 minutes shows
large leaks only: its intervals are wide, and caches and watch logs still fill. `HOURS` is for the others.
"""

import asyncio
import itertools
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

import httpx
from rich.table import Table

from tests.benchmarks.bench_ladder import PODS
from tests.benchmarks.ladder.climb import climb
from tests.benchmarks.ladder.processes import megabytes
from tests.benchmarks.ladder.stack import RunningStack, add_nodes, running_stack
from tests.support.bench_report import note, show
from tests.support.ladder_options import Budget
from tests.support.ladder_trend import BLOCKS, trend

KIND, TENANTS = "small", 200
UPDATES_AN_HOUR = 8 * TENANTS
WARM_UP_SHARE = 0.3
"""Of the time, in which caches fill, and which isn't part of the trend."""
DEFAULT_HOURS = 10 / 60
_SAMPLE_SECONDS = 5.0
_CLIMB_SECONDS = 600.0


@dataclass
class Watched:
    """Memory by program in MB, and the updates that were made."""

    hours: list[float] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    updates: int = 0
    refused: int = 0


async def main() -> None:
    try:
        hours = float(os.environ.get("HOURS") or DEFAULT_HOURS)
    except ValueError:
        sys.exit("HOURS is a number, such as HOURS=8")
    async with running_stack() as stack:
        await add_nodes(stack.simulator, 2 * PODS[KIND][0] * TENANTS)
        reached = await climb(stack, KIND, range(TENANTS), Budget(_CLIMB_SECONDS))
        if reached.problems:
            note("; ".join(reached.problems))
        watched = Watched()
        updating = asyncio.create_task(update(stack.gateway, reached.tenants, watched))
        try:
            await sample(stack, hours * 3600, watched)
        finally:
            updating.cancel()
    show(table(watched))


async def update(gateway: httpx.AsyncClient, tenants: int, watched: Watched) -> None:
    """Change the sizes of the tenants in turn, at the rate of `UPDATES_AN_HOUR`, until cancelled."""
    for number in itertools.count():
        body = {"service_requirements": {"stt": 1 + 40 * (number // tenants % 2 == 0)}}
        try:
            (await gateway.patch(f"/tenants/{KIND}-{number % tenants}", json=body)).raise_for_status()
            watched.updates += 1
        except httpx.HTTPError:
            watched.refused += 1  # such as a conflict with the update before
        await asyncio.sleep(3600 / UPDATES_AN_HOUR)


async def sample(stack: RunningStack, seconds: float, watched: Watched) -> None:
    """Sample the memory until the time is over; a program that was started again begins from its start."""
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        if elapsed >= WARM_UP_SHARE * seconds:
            watched.hours.append(elapsed / 3600)
            for name, each in megabytes(stack.directory).items():
                watched.memory[name].append(each)
        await asyncio.sleep(_SAMPLE_SECONDS)


def table(watched: Watched) -> Table:
    """The trend of each program, and of all together."""
    title = f"Memory of {TENANTS} tenants, {watched.updates} updates ({watched.refused} refused)"
    shown = Table("", "first", "last", "MB an hour", "95 % interval", "", title=title)
    whole = {name: each for name, each in watched.memory.items() if len(each) == len(watched.hours)}
    together = [sum(each) for each in zip(*whole.values(), strict=True)]
    for name, values in [*sorted(whole.items()), ("all programs", together)]:
        found = trend(watched.hours, values)
        if found is None:
            note(f"{name}: too few samples for a trend; it needs {2 * BLOCKS}")
            continue
        interval, verdict = f"{found.low:+.1f} to {found.high:+.1f}", "GROWS" if found.grows else "contains 0"
        shown.add_row(name, f"{values[0]:.0f} MB", f"{values[-1]:.0f} MB", f"{found.slope:+.1f}", interval, verdict)
    return shown


if __name__ == "__main__":
    asyncio.run(main())

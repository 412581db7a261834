"""Observes the stack with a number of idle tenants for some slices, and asks it for lists and one more tenant."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from services.monitor.clock import utc_now
from shared.sla import SLICE_SECONDS, slice_of
from tests.benchmarks.ladder.climb import Climb
from tests.benchmarks.ladder.processes import cpu_seconds, difference, megabytes
from tests.benchmarks.ladder.servers import Counted
from tests.benchmarks.ladder.stack import RunningStack
from tests.support.ladder_options import KINDS

SLICES = 6
CALLS = 10
_SETTLE_SLICES = 2
"""After the last deployment: what it left to do, such as rollups of progress and reports, ends in these."""
OBSERVING_SECONDS = (_SETTLE_SLICES + SLICES + 1) * SLICE_SECONDS + 15
"""What `observe` takes, with its calls."""


@dataclass(frozen=True)
class Rung:
    """What was measured with one number of idle tenants."""

    kind: str
    tenants: int
    pods: int
    climb: Climb
    seconds_to_running: list[float]
    cpu: dict[str, float]
    """Cores, by program."""
    memory: dict[str, float]
    """MB, by program."""
    counted: Counted
    """A second."""
    stored: tuple[float, float]
    """MB that NATS and PostgreSQL keep."""
    whole_slices: int
    """Of `SLICES`, those with a sample of each tenant."""
    samples: float
    """Samples that were stored, of all that should be."""
    list_seconds: float
    post_seconds: float
    problems: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether all of its tenants ran and were idle while it was observed."""
        return self.climb.running >= self.climb.tenants

    @property
    def cores(self) -> float:
        """Of all programs."""
        return sum(self.cpu.values())

    @property
    def total_memory(self) -> float:
        """MB of all programs."""
        return sum(self.memory.values())


async def observe(stack: RunningStack, kind: str, climb: Climb, seconds_to_running: list[float]) -> Rung:
    """Measure `SLICES` slices of the idle stack, then some calls."""
    await asyncio.sleep(_SETTLE_SLICES * SLICE_SECONDS)
    tenants = await stack.servers.running()
    first = slice_of(utc_now())
    cpu, counted, began = cpu_seconds(stack.directory), await stack.servers.counted(), time.monotonic()
    await asyncio.sleep(SLICES * SLICE_SECONDS)
    elapsed = time.monotonic() - began
    used = difference(cpu, cpu_seconds(stack.directory))
    more = await stack.servers.counted() - counted
    memory, stored = megabytes(stack.directory), await stack.servers.stored_megabytes()
    # The last slice may not be stored yet: one more for it.
    await asyncio.sleep(SLICE_SECONDS)
    by_slice = await stack.servers.tenants_by_slice(first, first + SLICES)
    problems = list(climb.problems)
    listing = await _median(lambda: _list(stack.gateway), problems)
    names = (f"{kind}-extra-{tenants}-{number}" for number in itertools.count())
    posting = await _median(lambda: _post(stack.gateway, next(names), KINDS[kind]), problems)
    return Rung(
        kind=kind,
        tenants=tenants,
        pods=await stack.servers.pods(first),
        climb=climb,
        seconds_to_running=seconds_to_running,
        cpu={name: seconds / elapsed for name, seconds in used.items()},
        memory=memory,
        counted=Counted(more.events / elapsed, more.nats_bytes / elapsed, more.wal_bytes / elapsed),
        stored=stored,
        whole_slices=sum(found >= tenants for found in by_slice.values()),
        samples=min(1.0, sum(by_slice.values()) / (tenants * SLICES)) if tenants else 0.0,
        list_seconds=listing,
        post_seconds=posting,
        problems=problems,
    )


async def _median(call: Callable[[], Awaitable[float]], problems: list[str]) -> float:
    seconds = []
    for _ in range(CALLS):
        try:
            seconds.append(await call())
        except httpx.HTTPError as error:
            problems.append(f"{type(error).__name__} {error}"[:200])
            break
    return statistics.median(seconds) if seconds else float("nan")


async def _list(gateway: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    (await gateway.get("/tenants/", params={"limit": "100"})).raise_for_status()
    return time.perf_counter() - began


async def _post(gateway: httpx.AsyncClient, name: str, order: dict[str, int]) -> float:
    """Without a deployment, and the tenant is deleted again, so that the rung stays as it is."""
    body = {"tenant_id": name, "name": name, "service_requirements": order, "deploy": False}
    began = time.perf_counter()
    (await gateway.post("/tenants/", json=body)).raise_for_status()
    seconds = time.perf_counter() - began
    (await gateway.delete(f"/tenants/{name}")).raise_for_status()
    return seconds

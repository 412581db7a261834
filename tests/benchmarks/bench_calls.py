"""`POST /tenants/`, compared with bare FastAPI, which uses the same calculator and writes the same rows.

    make bench ARGS=calls

Measured with concurrent and with sequential calls. With concurrent calls the two cores also do the work that follows
each call (the outbox is published, the calculator handles both events, the gateway their results), which the peers
don't have. The table therefore shows the CPU time per call beside the rate, for the gateway including that work.
Each tenant has different requirements, so that no result is cached.
"""

import asyncio
import itertools
import statistics
import time
from dataclasses import dataclass, field

import httpx
from rich.table import Table

from embedded.child import until
from tests.benchmarks.programs import START_SECONDS, Stack, answers, cpu, running_stack
from tests.support.bench_report import show
from tests.support.http_client import local_client

WARM_UP, CALLS, AT_ONCE, ONE_BY_ONE, ROUNDS = 30, 200, 8, 60, 3
PAUSE = 0.03
"""Seconds between two sequential calls, enough for the work that follows a call."""
NUMBERS = itertools.count(1)


@dataclass
class Way:
    name: str
    url: str
    pid: int
    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)


async def call(client: httpx.AsyncClient, way: Way) -> float:
    """Send one call; return its duration in seconds."""
    number = next(NUMBERS)
    name = f"tenant-{number}"
    body = {"tenant_id": name, "name": name, "service_requirements": {"stt": number}}
    begun = time.perf_counter()
    answer = await client.post(way.url, json=body, headers={"X-Demo-Mode": "true"})
    assert answer.status_code == 201, answer.text
    return time.perf_counter() - begun


async def many_at_once(client: httpx.AsyncClient, way: Way, count: int) -> float:
    """Return calls per second."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with places:
            await call(client, way)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return count / (time.perf_counter() - begun)


async def one_by_one(client: httpx.AsyncClient, way: Way) -> None:
    before = cpu([way.pid])
    for _ in range(ONE_BY_ONE):
        way.seconds.append(await call(client, way))
        await asyncio.sleep(PAUSE)
    way.cpus.append((cpu([way.pid]) - before) / ONE_BY_ONE)


async def bare(stack: Stack, port: str, which: str, name: str) -> Way:
    pid = await stack.programs.start("-m", "tests.benchmarks.peers.bare_gateway", str(stack.ports[port]), which)
    await until(lambda: answers(f"{stack.url(port)}/ready"), START_SECONDS)
    return Way(name, f"{stack.url(port)}/tenants/", pid)


async def main() -> None:
    async with running_stack() as stack:
        pids = await stack.serve("gateway", "calculator")
        ways = [
            # The ports of services that are not started here.
            await bare(stack, "manifest", "one", "bare FastAPI, one row"),
            await bare(stack, "deployer", "all", "bare FastAPI, all rows"),
            Way("gateway", f"{stack.url('gateway')}/api/v1/tenants/", pids["gateway"]),
        ]
        async with local_client(timeout=30) as client:
            for way in ways:
                await many_at_once(client, way, WARM_UP)
            for _, way in itertools.product(range(ROUNDS), ways):
                way.rates.append(await many_at_once(client, way, CALLS))
            for _, way in itertools.product(range(ROUNDS), ways):
                await one_by_one(client, way)
    show(compared(ways))


def compared(ways: list[Way]) -> Table:
    table = Table("", f"calls/s, {AT_ONCE} at once", "one by one, p50", "CPU each", title="POST /tenants/")
    for way in ways:
        rate, middle, each = (statistics.median(values) for values in (way.rates, way.seconds, way.cpus))
        table.add_row(way.name, f"{rate:.0f}", f"{middle * 1000:.1f} ms", f"{each * 1000:.1f} ms")
    for peer in ways[:-1]:
        ours = ways[-1]
        table.add_row(
            f"against {peer.name.partition(', ')[2]}",
            f"{statistics.median(ours.rates) / statistics.median(peer.rates):.2f}",
            f"{statistics.median(peer.seconds) / statistics.median(ours.seconds):.2f}",
            f"{statistics.median(ours.cpus) / statistics.median(peer.cpus):.1f}x",
        )
    return table


if __name__ == "__main__":
    asyncio.run(main())

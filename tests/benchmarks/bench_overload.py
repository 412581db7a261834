"""`GET /tenants/` under ten times the calls that the gateway accepts, compared with the same without overload.

    make bench ARGS=overload

Real connections from this process, which takes a core; the gateway has the other. Shown: the rate, p50 and p99 of the
calls that are answered with 200, the share that is refused, and how long `/health` takes meanwhile. The limit is the
queue before the slots: an accepted call waits for those before it, and no longer, whatever the load is.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass, field

import httpx
from rich.table import Table

from services.gateway.settings import GatewaySettings
from tests.benchmarks.programs import running_stack
from tests.benchmarks.report import show
from tests.support.http_client import local_client

TENANTS = 50
SECONDS = 10.0
PAUSE = 0.2
"""Seconds that a refused client waits: a tenth of the `Retry-After` that it gets, since clients are not all polite."""
_DEMO = {"X-Demo-Mode": "true"}


@dataclass
class Measured:
    """What clients saw within some seconds."""

    name: str
    clients: int
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    healths: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98]


async def client_of(url: str, measured: Measured, until: float) -> None:
    async with local_client(timeout=30, headers=_DEMO) as client:
        while time.perf_counter() < until:
            begun = time.perf_counter()
            answer = await client.get(f"{url}/api/v1/tenants/?limit=10")
            if answer.status_code == 200:
                measured.seconds.append(time.perf_counter() - begun)
            else:
                assert answer.json()["error"]["code"] == "OVERLOADED", answer.text
                measured.refused += 1
                await asyncio.sleep(PAUSE)


async def health_of(url: str, measured: Measured, until: float) -> None:
    async with local_client(timeout=30) as client:
        while time.perf_counter() < until:
            begun = time.perf_counter()
            answer: httpx.Response = await client.get(f"{url}/health")
            assert answer.status_code == 200, answer.text
            measured.healths.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE)


async def measure(url: str, name: str, clients: int) -> Measured:
    measured = Measured(name, clients)
    until = time.perf_counter() + SECONDS
    await asyncio.gather(health_of(url, measured, until), *(client_of(url, measured, until) for _ in range(clients)))
    return measured


async def fill(url: str) -> None:
    async with local_client(timeout=30, headers=_DEMO) as client:
        for number in range(TENANTS):
            body = {"tenant_id": f"t-{number}", "service_requirements": {"stt": number + 1}, "deploy": False}
            answer = await client.post(f"{url}/api/v1/tenants/", json=body)
            assert answer.status_code == 201, answer.text


async def main() -> None:
    fields = GatewaySettings.model_fields
    accepted = fields["calls_at_once"].default + fields["calls_waiting"].default
    async with running_stack() as stack:
        await stack.serve("gateway", "calculator")
        url = stack.url("gateway")
        await fill(url)
        runs = [
            await measure(url, "one client", 1),
            await measure(url, "as many as are in work", fields["calls_at_once"].default),
            await measure(url, "as many as are accepted", accepted),
            await measure(url, "ten times as many", min(10 * accepted, 900)),
        ]
    report(runs)


def report(runs: list[Measured]) -> None:
    columns = ("", "clients", "200 a second", "p50", "p99", "refused", "/health p50", "/health worst")
    table = Table(*columns, title="GET /tenants/ under load")
    for run in runs:
        share = run.refused / (run.refused + len(run.seconds))
        table.add_row(
            *(run.name, str(run.clients), f"{len(run.seconds) / SECONDS:.0f}"),
            *(f"{each * 1000:.0f} ms" for each in (statistics.median(run.seconds), run.p99)),
            f"{share:.0%}",
            *(f"{each * 1000:.0f} ms" for each in (statistics.median(run.healths), max(run.healths))),
        )
    table.add_row("p99, ten times against accepted", "", "", "", f"{runs[-1].p99 / runs[-2].p99:.1f}x", "", "", "")
    show(table)


if __name__ == "__main__":
    asyncio.run(main())

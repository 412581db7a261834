"""`GET /tenants/` under ten times the calls that the gateway accepts, compared with the same without overload.

    make bench ARGS=overload

Real connections from this process, whose client only writes a request and looks for its status: what it costs would
else be what is measured. Shown: the rate, p50 and p99 of the calls that are answered with 200, the share that is
refused, and how long `/health` takes meanwhile. The limit is the queue before the slots: an accepted call waits for
those before it, and no longer, whatever the load is.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rich.table import Table

from services.gateway.settings import GatewaySettings
from tests.benchmarks.programs import running_stack
from tests.support.bench_report import show
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


class Connection:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._where.hostname, self._where.port)

    async def get(self, path: str) -> int:
        """The status of the answer, which is read to its end."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Demo-Mode: true\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length))
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


async def call(connection: Connection, measured: Measured, until: float) -> None:
    while time.perf_counter() < until:
        begun = time.perf_counter()
        status = await connection.get("/api/v1/tenants/?limit=10")
        if status == 200:
            measured.seconds.append(time.perf_counter() - begun)
        else:
            assert status == 503, status
            measured.refused += 1
            await asyncio.sleep(PAUSE)


async def ask_for_health(connection: Connection, measured: Measured, until: float) -> None:
    while time.perf_counter() < until:
        begun = time.perf_counter()
        assert await connection.get("/health") == 200
        measured.healths.append(time.perf_counter() - begun)
        await asyncio.sleep(PAUSE)


async def measure(url: str, name: str, clients: int) -> Measured:
    measured = Measured(name, clients)
    connections = [Connection(url) for _ in range(clients + 1)]
    for connection in connections:
        await connection.open()
    first, *others = connections
    until = time.perf_counter() + SECONDS
    await asyncio.gather(ask_for_health(first, measured, until), *(call(each, measured, until) for each in others))
    for connection in connections:
        connection.close()
    return measured


async def fill(url: str) -> None:
    async with local_client(timeout=30, headers=_DEMO) as client:
        for number in range(TENANTS):
            body = {"tenant_id": f"t-{number}", "service_requirements": {"stt": number + 1}, "deploy": False}
            answer = await client.post(f"{url}/api/v1/tenants/", json=body)
            assert answer.status_code == 201, answer.text


async def main() -> None:
    fields = GatewaySettings.model_fields
    at_once, waiting = (fields[name].default for name in ("calls_at_once", "calls_waiting"))
    async with running_stack() as stack:
        await stack.serve("gateway", "calculator")
        url = stack.url("gateway")
        await fill(url)
        runs = [
            await measure(url, "one client", 1),
            await measure(url, "as many as are in work", at_once),
            await measure(url, "as many as are accepted", at_once + waiting),
            await measure(url, "ten times as many as are in work", 10 * at_once),
            await measure(url, "as many as there may be connections", 900),
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
    table.add_row("p99, ten times against accepted", "", "", "", f"{runs[3].p99 / runs[2].p99:.1f}x", "", "", "")
    show(table)


if __name__ == "__main__":
    asyncio.run(main())

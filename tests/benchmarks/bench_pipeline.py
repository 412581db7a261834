"""The way from `deploy.requested` to the deployer's start, and `POST /tenants/`, each beside its limit in the same run.

    make bench ARGS=pipeline

The limit of the pipeline is three hops with raw nats-py on the same server: consume, publish, acknowledge, and nothing
else. The limit of the call is a bare FastAPI application which asks the same calculator and inserts one row.
Everything runs in processes of its own, as in production; CPU is theirs, without NATS and PostgreSQL.
"""

import asyncio
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import nats
import psutil
from nats.aio.client import Client
from rich.console import Console
from rich.table import Table

from embedded.child import until
from embedded.launch import launcher
from embedded.nats import running_nats
from embedded.ports import free_ports
from embedded.postgres import running_postgres
from shared.bus import encode
from shared.bus.bootstrap import bootstrap
from shared.events import DeployRequested
from shared.subjects import Mode
from shared.tenants import TenantSpec
from tests.e2e.nodes import add_nodes

PACED, PACE = 60, 3.0
"""Deployments for the latency, and how many a second: below what either side can carry."""
BURST = 150
CALLS, AT_ONCE = 300, 8
RAW_HOPS = ("raw.one", "raw.two", "raw.three", "raw.done")

RAW_WORKER = """
import asyncio, sys, nats
async def hop(js, source, target):
    subscription = await js.pull_subscribe(source, durable=source.replace(".", "-"), stream="RAW")
    while True:
        try:
            [message] = await subscription.fetch(1, timeout=1)
        except nats.errors.TimeoutError:
            continue
        headers = {"Nats-Msg-Id": target + message.headers["Nats-Msg-Id"]}
        await js.publish(target, message.data, headers=headers, stream="RAW")
        await message.ack()
async def main(url, source, target):
    client = await nats.connect(url)
    await asyncio.gather(*(hop(client.jetstream(), source, target) for _ in range(4)))
asyncio.run(main(*sys.argv[1:]))
"""

BARE_GATEWAY = """
import asyncpg, json, nats, os
from contextlib import asynccontextmanager
from fastapi import FastAPI
from pydantic import BaseModel
class Body(BaseModel):
    tenant_id: str
    name: str
    service_requirements: dict[str, int]
@asynccontextmanager
async def lifespan(app):
    app.state.nats = await nats.connect(os.environ["NATS_URL"])
    app.state.pool = await asyncpg.create_pool(os.environ["DEMO_DATABASE_URL"], min_size=4)
    await app.state.pool.execute("CREATE TABLE IF NOT EXISTS bare (id serial PRIMARY KEY, tenant_id text, body jsonb)")
    yield
app = FastAPI(lifespan=lifespan)
@app.post("/tenants/", status_code=201)
async def create(body: Body):
    question = json.dumps({"service_requirements": body.service_requirements}).encode()
    answer = json.loads((await app.state.nats.request("demo.rpc.calculate", question, timeout=5)).data)["ok"]
    insert = "INSERT INTO bare (tenant_id, body) VALUES ($1, $2)"
    await app.state.pool.execute(insert, body.tenant_id, json.dumps(answer))
    return {"tenant_id": body.tenant_id, "estimated_resources": answer["resources"]}
"""


class Programs:
    """Processes of one bench, and the CPU seconds that they have taken."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._processes: list[asyncio.subprocess.Process] = []

    async def start(self, *arguments: str, **variables: str) -> int:
        with (self._logs / f"{len(self._processes)}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *launcher([sys.executable, *arguments]),
                env={**self._environment, **variables},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process.pid

    async def stop(self, *pids: int) -> None:
        """End the processes of `pids`, or all of them."""
        ended = [each for each in self._processes if each.returncode is None and (not pids or each.pid in pids)]
        for process in ended:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in ended))


def cpu(pids: Sequence[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


async def answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


async def deployments(client: Client, count: int, pace: float | None, prefix: str) -> tuple[list[float], float]:
    """Seconds from each request to its `deploy.started`, and the seconds that all of them took."""
    asked: dict[str, float] = {}
    waits: list[float] = []
    done = asyncio.Event()

    async def hear(message: nats.aio.msg.Msg) -> None:
        started = asked.get(json.loads(message.data)["deployment_id"])
        if started is not None:
            waits.append(time.perf_counter() - started)
            if len(waits) == count:
                done.set()

    subscription = await client.subscribe("demo.deploy.started", cb=hear)
    begun = time.perf_counter()
    for number in range(count):
        name = f"{prefix}-{number}"
        spec = TenantSpec(tenant_id=name, name=name, service_requirements={"stt": 1})
        event = DeployRequested(
            tenant_id=name, spec=spec, deployment_id=f"dep-{name}", generation=1, target="simulator"
        )
        asked[f"dep-{name}"] = time.perf_counter()
        encoded = encode(event, mode=Mode.DEMO, event_id=name, correlation_id=name, source="gateway")
        await client.jetstream().publish(encoded.subject, encoded.body, headers=encoded.headers)
        if pace:
            await asyncio.sleep(1 / pace)
    await asyncio.wait_for(done.wait(), 120)
    await subscription.unsubscribe()
    return waits, time.perf_counter() - begun


async def hops(client: Client, count: int, pace: float | None, prefix: str) -> tuple[list[float], float]:
    """The same for three raw hops."""
    asked: dict[str, float] = {}
    waits: list[float] = []
    done = asyncio.Event()

    async def hear(message: nats.aio.msg.Msg) -> None:
        started = asked.get(message.data[:40].decode().strip())
        if started is not None:
            waits.append(time.perf_counter() - started)
            if len(waits) == count:
                done.set()

    subscription = await client.subscribe(RAW_HOPS[-1], cb=hear)
    begun = time.perf_counter()
    for number in range(count):
        name = f"{prefix}-{number}"
        asked[name] = time.perf_counter()
        body = name.ljust(600).encode()
        await client.jetstream().publish(RAW_HOPS[0], body, headers={"Nats-Msg-Id": name})
        if pace:
            await asyncio.sleep(1 / pace)
    await asyncio.wait_for(done.wait(), 120)
    await subscription.unsubscribe()
    return waits, time.perf_counter() - begun


async def calls(url: str, prefix: str) -> float:
    """Calls a second of POST /tenants/, some at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def call(client: httpx.AsyncClient, number: int) -> None:
        name = f"{prefix}-{number}"
        body = {"tenant_id": name, "name": name, "service_requirements": {"stt": 1}, "deploy": True}
        async with places:
            answer = await client.post(url, json=body, headers={"X-Demo-Mode": "true"})
            assert answer.status_code == 201, answer.text

    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        await asyncio.gather(*(call(client, number) for number in range(-20, 0)))
        begun = time.perf_counter()
        await asyncio.gather(*(call(client, number) for number in range(CALLS)))
        return CALLS / (time.perf_counter() - begun)


@asynccontextmanager
async def stack() -> AsyncIterator[tuple[Client, Programs, dict[str, int]]]:
    async with AsyncExitStack() as exits:
        directory = Path(exits.enter_context(TemporaryDirectory()))
        url = await exits.enter_async_context(running_nats(directory / "nats"))
        server = await exits.enter_async_context(running_postgres(directory / "postgres"))
        databases = [await server.create_database(name, user=name, password=name) for name in ("production", "demo")]
        names = ("gateway", "calculator", "manifest", "deployer", "simulator", "bare")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        environment = {
            "NATS_URL": url,
            "DATABASE_URL": databases[0],
            "DEMO_DATABASE_URL": databases[1],
            "K8S_SIMULATOR_URL": f"http://127.0.0.1:{ports['simulator']}",
            # The pipeline is what is measured, not how long pods take.
            "SIMULATOR_SPEED": "50",
        }
        client = await nats.connect(url)
        exits.push_async_callback(client.close)
        await bootstrap(client.jetstream())
        await client.jetstream().add_stream(name="RAW", subjects=["raw.>"])
        programs = Programs(environment, directory)
        exits.push_async_callback(programs.stop)
        yield client, programs, ports


async def main() -> None:
    async with stack() as (client, programs, ports):
        await programs.start("-m", "shared.database", "upgrade")
        raw = [
            await programs.start("-c", RAW_WORKER, client.connected_url.geturl(), *pair)
            for pair in itertools.pairwise(RAW_HOPS)
        ]
        pids = {
            name: await programs.start("-m", f"services.{name}", PORT=str(port))
            for name, port in ports.items()
            if name != "bare"
        }
        for name in pids:
            await until(lambda name=name: answers(f"http://127.0.0.1:{ports[name]}/ready"), 120)
        await add_nodes(f"http://127.0.0.1:{ports['simulator']}")
        workers = [pids[name] for name in ("calculator", "manifest", "deployer")]
        await latency(client)
        await throughput(client, workers, raw)
        # What the calls ask for would otherwise be done on the same cores, and be measured with them.
        await programs.stop(*(pids[name] for name in ("manifest", "deployer", "simulator")))
        await calls_beside_bare(programs, ports)


async def latency(client: Client) -> None:
    ours, _ = await deployments(client, PACED, PACE, "paced")
    limit, _ = await hops(client, PACED, PACE, "paced")
    table = Table("", "p50", "p99", title=f"deploy.requested to the deployer's start ({PACED} at {PACE:g}/s); aim: 2x")
    rows = [(statistics.median(each), statistics.quantiles(each, n=100)[98]) for each in (limit, ours)]
    table.add_row("three raw hops", *(f"{value * 1000:.1f} ms" for value in rows[0]))
    table.add_row("pipeline", *(f"{value * 1000:.1f} ms" for value in rows[1]))
    table.add_row("ratio", *(f"{ours_ / raw_:.2f}" for raw_, ours_ in zip(*rows, strict=True)))
    Console().print(table)


async def throughput(client: Client, workers: Sequence[int], raw: Sequence[int]) -> None:
    table = Table("", "deployments/s", "CPU a deployment", title=f"A burst of {BURST}; aim: half of raw")
    figures = []
    for label, measure, pids in (("three raw hops", hops, raw), ("pipeline", deployments, workers)):
        before = cpu(pids)
        _, seconds = await measure(client, BURST, None, "burst")
        figures.append((BURST / seconds, (cpu(pids) - before) / BURST))
        table.add_row(label, f"{figures[-1][0]:.0f}", f"{figures[-1][1] * 1000:.1f} ms")
    (raw_rate, raw_cpu), (rate, our_cpu) = figures
    table.add_row("ratio", f"{rate / raw_rate:.2f}", f"{our_cpu / raw_cpu:.1f}x")
    Console().print(table)


async def calls_beside_bare(programs: Programs, ports: dict[str, int]) -> None:
    bare = f"import uvicorn\n{BARE_GATEWAY}\nuvicorn.run(app, port={ports['bare']}, log_level='warning')"
    await programs.start("-c", bare)
    await until(lambda: answers(f"http://127.0.0.1:{ports['bare']}/docs"), 60)
    limit = await calls(f"http://127.0.0.1:{ports['bare']}/tenants/", "bare")
    ours = await calls(f"http://127.0.0.1:{ports['gateway']}/api/v1/tenants/", "ours")
    table = Table("", "calls/s", title=f"POST /tenants/ ({CALLS}, {AT_ONCE} at once); aim: 0.70")
    table.add_row("bare FastAPI, one question, one insert", f"{limit:.0f}")
    table.add_row("gateway, with six tables and the outbox", f"{ours:.0f}")
    table.add_row("ratio", f"{ours / limit:.2f}")
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())

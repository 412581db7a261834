"""Scaling of workers: deployments per second, and CPU time per deployment, with 1, 2 and 4 replicas.

    python tests/benchmarks/bench_scaling.py

Measured for two workers. A handler that waits 100 ms, as for a slow cluster, scales linearly on any machine, because
each replica handles two events of a mode at a time. The calculator is CPU-bound and scales until the cores are
used, which NATS and this program use too. In both cases the CPU time per deployment should stay the same; an
increase is the overhead of replicas. The limit beside each figure is calculated: 2 / 100 ms per replica, and
the number of cores divided by the CPU time of one replica per deployment. If all cores are busy below that limit,
NATS, this program and other processes use the rest.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nats
import psutil
from nats.aio.client import Client
from nats.aio.msg import Msg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from embedded.child import until
from embedded.nats import running_nats
from embedded.ports import free_ports
from shared.bus import encode
from shared.bus.bootstrap import bootstrap
from shared.events import DeployRequested
from shared.logging import configure_logging
from shared.subjects import Mode
from shared.tenants import TenantSpec
from tests.benchmarks.programs import Programs, answers, cpu
from tests.benchmarks.waiting import until_set
from tests.support.bench_report import show

COPIES = (1, 2, 4)
WAITS = 0.1
AT_ONCE = 2
"""Events of one mode that a worker handles concurrently: the default of `Worker.on`."""
WARM_UP, WAITING, COMPUTING = 20, 100, 400

WAITING_WORKER = f"""
import asyncio
from shared.bus import Worker, run_worker
from shared.examples import EXAMPLES
from shared.settings import BusSettings, load
from shared.subjects import CALCULATOR_SIZES_DEPLOYMENTS, Subject

async def wait(event, delivery):
    await asyncio.sleep({WAITS})
    sized = EXAMPLES[Subject.RESOURCES_CALCULATED]
    deployment = sized.deployment.model_copy(update={{"deployment_id": event.deployment_id}})
    return [sized.model_copy(update={{"tenant_id": event.tenant_id, "deployment": deployment}})]

settings = load(BusSettings)
worker = Worker("calculator", settings)
worker.on(CALCULATOR_SIZES_DEPLOYMENTS, wait)
run_worker(worker, settings)
"""


@dataclass
class Figures:
    """One round: deployments per second, CPU seconds of all replicas per deployment, and the load of the machine."""

    rate: float
    cpu: float
    busy: float


async def deploy(client: Client, count: int, prefix: str) -> tuple[int, float]:
    """Request `count` deployments at once; how many were handled, and the seconds until the last one of them was."""
    waiting = {f"dep-{prefix}-{number}" for number in range(count)}
    done, refused, last = asyncio.Event(), list[bytes](), 0.0

    async def hear(message: Msg) -> None:
        nonlocal last
        last = time.perf_counter()
        if message.subject == "demo.resources.rejected":
            refused.append(message.data)
        else:
            waiting.discard(json.loads(message.data)["deployment"]["deployment_id"])
        if refused or not waiting:
            done.set()

    subscription = await client.subscribe("demo.resources.*", cb=hear)
    begun = time.perf_counter()
    await asyncio.gather(*(ask(client, deployment_id) for deployment_id in list(waiting)))
    await until_set(done, lambda: count - len(waiting), count)
    if refused:
        raise SystemExit(f"The calculator rejects the requests of this benchmark: {refused[0].decode()}")
    await subscription.unsubscribe()
    return max(1, count - len(waiting)), last - begun


async def ask(client: Client, deployment_id: str) -> None:
    spec = TenantSpec(tenant_id=deployment_id, name=deployment_id, service_requirements={"callbot": 20, "chatbot": 40})
    event = DeployRequested(
        tenant_id=deployment_id, spec=spec, deployment_id=deployment_id, generation=1, target="simulator"
    )
    encoded = encode(event, mode=Mode.DEMO, event_id=deployment_id, correlation_id=deployment_id, source="gateway")
    await client.jetstream().publish(encoded.subject, encoded.body, headers=encoded.headers)


@asynccontextmanager
async def copies(count: int, url: str, logs: Path, program: tuple[str, ...]) -> AsyncIterator[list[int]]:
    """`count` processes that run `program`, once they are ready; their pids."""
    programs = Programs({"NATS_URL": url}, logs)
    ports = free_ports(count)
    try:
        pids = [await programs.start(*program, PORT=str(port)) for port in ports]
        for port in ports:
            await until(lambda port=port: answers(f"http://127.0.0.1:{port}/ready"), 60)
        yield pids
    finally:
        await programs.stop()


async def measure(client: Client, logs: Path, label: str, count: int, *program: str) -> list[Figures]:
    figures = []
    url = client.connected_url.geturl()
    for number in track(COPIES, description=f"{label:<24}", console=Console(stderr=True), transient=True):
        async with copies(number, url, logs, program) as pids:
            await deploy(client, WARM_UP * number, f"{label[0]}{number}-warm")
            before = cpu(pids)
            psutil.cpu_percent()
            handled, seconds = await deploy(client, count, f"{label[0]}{number}")
            figures.append(Figures(handled / seconds, (cpu(pids) - before) / handled, psutil.cpu_percent()))
    return figures


def against(title: str, figures: list[Figures], limits: list[float]) -> None:
    columns = ("copies", "each second", "beside one", "of the limit", "CPU each", "cores busy")
    table = Table(*columns, title=title)
    for number, each, limit in zip(COPIES, figures, limits, strict=True):
        faster = f"{each.rate / figures[0].rate:.2f}x"
        cells = (
            f"{each.rate:.0f}",
            faster,
            f"{each.rate / limit:.0%}",
            f"{each.cpu * 1000:.1f} ms",
            f"{each.busy:.0f} %",
        )
        table.add_row(str(number), *cells)
    show(table)


async def main() -> None:
    configure_logging("bench", "WARNING")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    async with AsyncExitStack() as exits:
        directory = Path(exits.enter_context(TemporaryDirectory()))
        url = await exits.enter_async_context(running_nats(directory / "nats"))
        client = await nats.connect(url)
        exits.push_async_callback(client.close)
        await bootstrap(client.jetstream())
        waiting = await measure(client, directory, "waits", WAITING, "-c", WAITING_WORKER)
        limits = [number * AT_ONCE / WAITS for number in COPIES]
        against(
            f"A handler that waits {WAITS * 1000:.0f} ms ({WAITING} at once); limit: {AT_ONCE} at a time a copy",
            waiting,
            limits,
        )
        computing = await measure(client, directory, "computes", COMPUTING, "-m", "services.calculator")
        limits = [min(number, cores) / computing[0].cpu for number in COPIES]
        against(
            f"A handler that computes: the calculator ({COMPUTING} at once); limit: {cores} cores", computing, limits
        )


if __name__ == "__main__":
    asyncio.run(main())

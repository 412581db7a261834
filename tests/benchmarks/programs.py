"""Servers and programs that benchmarks start, and their CPU time."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import nats
import psutil
from nats.aio.client import Client

from embedded.child import until
from embedded.launch import launcher
from embedded.nats import running_nats
from embedded.ports import free_ports
from embedded.postgres import running_postgres
from shared.bus.bootstrap import bootstrap
from tests.support.http_client import local_client

START_SECONDS = 120.0


class Programs:
    """Processes of one benchmark."""

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


@dataclass
class Stack:
    """NATS and PostgreSQL with tables and streams; each benchmark starts the services that it needs."""

    client: Client
    programs: Programs
    ports: dict[str, int]
    databases: dict[str, str]

    @property
    def nats_url(self) -> str:
        return self.client.connected_url.geturl() if self.client.connected_url else ""

    async def serve(self, *names: str) -> dict[str, int]:
        """Start services and wait until they are ready; their process ids."""
        pids = {name: await self.programs.start("-m", f"services.{name}", PORT=str(self.ports[name])) for name in names}
        for name in names:
            await until(partial(answers, f"{self.url(name)}/ready"), START_SECONDS)
        return pids

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


def cpu(pids: Iterable[int]) -> float:
    """Seconds."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


async def answers(url: str) -> bool:
    try:
        async with local_client() as client:
            return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def running_stack() -> AsyncIterator[Stack]:
    async with AsyncExitStack() as exits:
        directory = Path(exits.enter_context(TemporaryDirectory()))
        url = await exits.enter_async_context(running_nats(directory / "nats"))
        server = await exits.enter_async_context(running_postgres(directory / "postgres"))
        databases = {name: await server.create_database(name, user=name, password=name) for name in ("real", "demo")}
        names = ("gateway", "calculator", "manifest", "deployer", "simulator", "bare")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        environment = {
            "NATS_URL": url,
            "DATABASE_URL": databases["real"],
            "DEMO_DATABASE_URL": databases["demo"],
            "K8S_SIMULATOR_URL": f"http://127.0.0.1:{ports['simulator']}",
            # Measure only our own time, without the start and the later work of pods.
            "SIMULATOR_SPEED": "10",
        }
        client = await nats.connect(url)
        exits.push_async_callback(client.close)
        await bootstrap(client.jetstream())
        programs = Programs(environment, directory)
        exits.push_async_callback(programs.stop)
        await programs.start("-m", "shared.database", "upgrade")
        yield Stack(client, programs, ports, databases)

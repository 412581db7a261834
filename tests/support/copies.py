"""Several copies of each service, as processes on one bus, one pair of databases and one simulator."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nats

from embedded.nats import running_nats
from embedded.ports import free_ports
from embedded.postgres import running_postgres
from shared.bus.bootstrap import bootstrap
from shared.database import Databases, DatabaseSettings
from shared.roles import GATEWAY, MONITOR
from tests.support.http_client import local_client
from tests.support.migrated_databases import migrated_database
from tests.support.polling import eventually
from tests.support.service_logins import logging_in
from tests.support.warm_programs import PROGRAMS, WarmProcess

DEMO = {"X-Demo-Mode": "true"}
START_SECONDS = 180.0


@dataclass
class Copy:
    """One process of a service."""

    service: str
    port: int
    process: WarmProcess

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def is_ready(self) -> bool:
        try:
            async with local_client(timeout=5) as client:
                return (await client.get(f"{self.url}/ready")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        async with local_client(timeout=60) as client:
            text = (await client.get(f"{self.url}/metrics")).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for found, value in lines if all(each in found for each in wanted))

    async def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        await self.process.wait()


@dataclass
class Copies:
    """All processes, and how tests talk to them."""

    environment: Mapping[str, str]
    logs: Path
    databases: Databases
    nats_url: str
    all: list[Copy] = field(default_factory=list)

    def of(self, service: str) -> list[Copy]:
        """The copies of a service that run."""
        return [each for each in self.all if each.service == service and each.process.returncode is None]

    async def start(self, service: str, port: int) -> None:
        """Start a copy; it may not be ready yet."""
        environment, log = {**self.environment, "PORT": str(port)}, self.logs / f"{service}-{port}.log"
        process = await PROGRAMS.start(f"services.{service}", environment=environment, output=log)
        self.all.append(Copy(service, port, process))

    async def call(self, method: str, path: str, *, gateway: int = 0, **content: Any) -> dict[str, Any]:
        """A call in demo mode to one of the gateways; its answer must be a success."""
        url = f"{self.of('gateway')[gateway].url}/api/v1{path}"
        async with local_client(timeout=60) as client:
            answer = await client.request(method, url, headers=DEMO, **content)
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def create(self, name: str, *, gateway: int = 0) -> str:
        """Create a tenant; the id of its deployment."""
        body = {"tenant_id": name, "name": name, "service_requirements": {"stt": 1}}
        return str((await self.call("POST", "/tenants/", gateway=gateway, json=body))["deployment_id"])

    async def stop(self) -> None:
        """End all processes."""
        running = [each.process for each in self.all if each.process.returncode is None]
        for process in running:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in running))


@asynccontextmanager
async def running_copies(directory: Path, numbers: Mapping[str, int]) -> AsyncIterator[Copies]:
    """`numbers` copies of each service, all of them ready, with servers of their own."""
    async with AsyncExitStack() as exits:
        nats_url = await exits.enter_async_context(running_nats(directory / "nats", durable=False))
        postgres = await exits.enter_async_context(running_postgres(directory / "postgres"))
        client = await nats.connect(nats_url)
        await bootstrap(client.jetstream())
        await client.close()
        real, demo = [await migrated_database(postgres, name) for name in ("real", "demo")]
        databases = Databases(DatabaseSettings(database_url=real, demo_database_url=demo), "owner")
        exits.push_async_callback(databases.dispose)
        ports = free_ports(sum(numbers.values()) + 1)
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "NATS_URL": nats_url,
            "K8S_SIMULATOR_URL": f"http://127.0.0.1:{ports[0]}",
            "SIMULATOR_SPEED": "20",
        }
        copies = Copies(environment, directory, databases, nats_url)
        exits.push_async_callback(copies.stop)
        await copies.start("simulator", ports.pop(0))
        for service, number in numbers.items():
            role = MONITOR if service == "monitor" else GATEWAY
            logins = {"DATABASE_URL": logging_in(real, role), "DEMO_DATABASE_URL": logging_in(demo, role)}
            copies.environment = {**environment, **logins}
            for _ in range(number):
                await copies.start(service, ports.pop(0))
        for each in copies.all:
            await eventually(each.is_ready, START_SECONDS)
        yield copies

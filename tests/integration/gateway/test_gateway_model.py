"""Random calls against the gateway, its workers and the simulator, compared with a model of what they should do."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.deployer.app import build
from services.deployer.settings import DeployerSettings
from tests.integration.gateway.tenant_model import TenantMachine
from tests.support.gateway import DEMO, make_databases, running_gateway, running_workers, wait_until_ready
from tests.support.running_bus import running_bus
from tests.support.simulator_process import running_simulator

SEED = int(os.environ.get("MODEL_SEED", "1"))


@pytest.fixture(scope="module")
async def machine(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[type[TenantMachine]]:
    """A machine for a stack of its own, since its deployer would work at other tests' tenants on the shared one."""
    urls = await make_databases(postgres, "model")
    [port] = free_ports(1)
    async with running_bus(tmp_path_factory.mktemp("nats")) as url, running_simulator(port, speed=10.0):
        simulator = f"http://127.0.0.1:{port}"
        async with running_workers(url), running_deployer(url, simulator), running_gateway(nats_url=url, **urls) as own:
            await wait_until_ready(own)
            with clients(f"http://127.0.0.1:{own.settings.port}/api/v1", f"{simulator}/clusters/demo") as found:
                yield type("TenantMachine", (TenantMachine,), dict(zip(("gateway", "cluster"), found, strict=True)))


@asynccontextmanager
async def running_deployer(nats_url: str, simulator: str) -> AsyncIterator[None]:
    worker = build(DeployerSettings(nats_url=nats_url, k8s_simulator_url=simulator))
    await worker.start()
    try:
        yield
    finally:
        await worker.stop()


@contextmanager
def clients(*urls: str) -> Iterator[list[httpx.Client]]:
    """In demo mode; the machine runs in a thread of its own."""
    made = [httpx.Client(base_url=url, headers=DEMO, timeout=30, trust_env=False) for url in urls]
    try:
        yield made
    finally:
        for each in made:
            each.close()


async def run(machine: type[TenantMachine], *, examples: int, steps: int) -> None:
    """Not shrunk: each example takes seconds, and its trail is in the failure."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, seed(SEED)(machine), settings=chosen)


@pytest.mark.timeout(900)
async def test_random_calls_are_answered_and_end_as_in_the_model(machine: type[TenantMachine]) -> None:
    await run(machine, examples=6, steps=15)


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_many_random_calls_are_answered_and_end_as_in_the_model(
    machine: type[TenantMachine], tmp_path: Path
) -> None:
    await run(machine, examples=200, steps=40)

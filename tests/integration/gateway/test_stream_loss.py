"""A stream or bucket loses its end, or is made again, while every worker goes on: nothing accepted is lost."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.js import JetStreamContext

from embedded.accounts import authorization, passwords
from embedded.nats import NatsServer
from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.calculator import app as calculator
from services.calculator.settings import CalculatorSettings
from services.deployer import app as deployer
from services.deployer.settings import DeployerSettings
from services.manifest import app as manifest
from services.manifest.settings import ManifestSettings
from shared.access import BOOTSTRAP, inbox
from shared.bus import Worker
from shared.bus.bootstrap import bootstrap
from tests.support.gateway import (
    DEMO,
    Gateway,
    make_databases,
    running_gateway,
    tenant,
    wait_until_ready,
)
from tests.support.polling import eventually
from tests.support.simulator_process import running_simulator

RECORDS = ("KV_demo_desired", "KV_demo_applied", "KV_demo_manifests")


@dataclass
class Stack:
    """NATS with its accounts, the gateway and the workers that make a deployment; none of them is ever restarted."""

    server: NatsServer
    directory: Path
    secrets: dict[str, str]
    gateway: Gateway

    async def lose_ends(self, *streams: str) -> None:
        """A crash after which the newest block of each stream has two thirds of its bytes."""
        self.server.kill()
        for stream in streams:
            [*_, newest] = sorted(
                self.directory.glob(f"jetstream/jetstream/*/streams/{stream}/msgs/*.blk"), key=_number
            )
            os.truncate(newest, newest.stat().st_size * 2 // 3)
        await self.server.start()

    async def make_again(self, *streams: str) -> None:
        async with self.jetstream() as jetstream:
            for stream in streams:
                await jetstream.delete_stream(stream)
            await bootstrap(jetstream)

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        client = await nats.connect(url(self.server, self.secrets, BOOTSTRAP), inbox_prefix=inbox(BOOTSTRAP))
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def accept(self) -> dict[str, Any]:
        """A tenant that the gateway answers with 201, as soon as the workers are back."""
        answers: list[httpx.Response] = []

        async def is_accepted() -> bool:
            answers.append(await self.gateway.http.post("/tenants/", json=small(), headers=DEMO))
            return answers[-1].status_code == 201

        await eventually(is_accepted)
        body: dict[str, Any] = answers[-1].json()
        return body

    async def end(self, created: dict[str, Any]) -> str:
        """How a deployment ends."""
        path, found = f"/deployments/{created['deployment_id']}", ""

        async def has_ended() -> bool:
            nonlocal found
            found = (await self.gateway.get(path))["status"]
            return found not in ("pending", "deploying")

        try:
            await eventually(has_ended, 120)
        except TimeoutError:
            state = await self.gateway.get(f"/tenants/{created['tenant_id']}/deployment-status")
            raise AssertionError(f"it never ended: {state}") from None
        return found


def small() -> dict[str, Any]:
    return tenant(service_requirements={"chatbot": 1})


def url(server: NatsServer, secrets: dict[str, str], account: str) -> str:
    return server.url.replace("nats://", f"nats://{account}:{secrets[account]}@")


def _number(block: Path) -> int:
    return int(block.stem)


@pytest.fixture
async def stack(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[Stack]:
    secrets = passwords(tmp_path / "passwords.json")
    directory = tmp_path / "nats"
    server = NatsServer(directory, authorization(secrets))
    await server.start()
    async with AsyncExitStack() as closing:
        closing.push_async_callback(server.stop)
        client = await nats.connect(url(server, secrets, BOOTSTRAP), inbox_prefix=inbox(BOOTSTRAP))
        await bootstrap(client.jetstream())
        await client.close()
        [port] = free_ports(1)
        await closing.enter_async_context(running_simulator(port, speed=50.0))
        for worker in workers(server, secrets, f"http://127.0.0.1:{port}"):
            await worker.start()
            closing.push_async_callback(worker.stop)
        urls = await make_databases(postgres, f"loss_{tmp_path.name[-6:].replace('-', '_').lower()}")
        # A request that NATS has lost is given up before the test is.
        seconds = {"stream_check": 0.2, "republish_after": 3.0, "rpc_timeout": 6}
        gateway = await closing.enter_async_context(
            running_gateway(nats_url=url(server, secrets, "gateway"), **seconds, **urls)
        )
        await wait_until_ready(gateway)
        yield Stack(server, directory, secrets, gateway)


def workers(server: NatsServer, secrets: dict[str, str], simulator: str) -> list[Worker]:
    urls = {name: url(server, secrets, name) for name in ("calculator", "manifest", "deployer")}
    return [
        calculator.build(CalculatorSettings(nats_url=urls["calculator"])),
        manifest.build(ManifestSettings(nats_url=urls["manifest"])),
        deployer.build(DeployerSettings(nats_url=urls["deployer"], k8s_simulator_url=simulator)),
    ]


Loss = Callable[[Stack], Awaitable[None]]
LOSSES: dict[str, Loss] = {
    "the ends of the stream and of the records": lambda stack: stack.lose_ends("DEMO_ECP", *RECORDS),
    "the whole stream": lambda stack: stack.make_again("DEMO_ECP"),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_what_was_accepted_before_and_after_a_loss_ends_as_it_should(stack: Stack, loss: Loss) -> None:
    finished = [await stack.accept() for _ in range(2)]
    assert [await stack.end(each) for each in finished] == ["completed", "completed"]
    before = [await stack.accept() for _ in range(3)]
    await loss(stack)
    after = [await stack.accept() for _ in range(2)]
    ends = await asyncio.gather(*(stack.end(each) for each in (*before, *after)))
    assert ends == ["completed"] * 5
    # What had ended before still can be changed: its records are there again.
    name = finished[1]["tenant_id"]
    stopping = await stack.gateway.http.post(f"/tenants/{name}/stop", headers=DEMO)
    assert await stack.end(stopping.json()) == "completed"
    await stack.gateway.eventually(f"/tenants/{name}", status="stopped")
    async with stack.jetstream() as jetstream:
        assert (await jetstream.stream_info("DEMO_DLQ")).state.messages == 0

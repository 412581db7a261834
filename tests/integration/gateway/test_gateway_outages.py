"""What the gateway does while something that it needs is away, and that it comes back by itself."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from embedded.nats import NatsServer
from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.gateway.outbox.drainer import outbox_drainer
from shared.bus.bootstrap import bootstrap
from shared.events import DeployProgressed
from shared.subjects import Mode
from tests.support.deployer_part import created_and_prepared, event
from tests.support.gateway import (
    DEMO,
    Gateway,
    make_databases,
    running_gateway,
    running_workers,
    tenant,
    wait_until_ready,
)
from tests.support.http_client import local_client
from tests.support.polling import eventually


class Parts:
    """Servers of one's own, which may be broken."""

    def __init__(self, nats_server: NatsServer, postgres: PostgresServer) -> None:
        self.nats = nats_server
        self.postgres = postgres
        self.settings: dict[str, Any] = {}

    async def start(self) -> None:
        await self.nats.start()
        await self.postgres.start()
        await self.bootstrap()
        # What a broken server has lost is given up before the test is.
        seconds = {"rpc_timeout": 6, "database_connect_timeout": 5, "database_command_timeout": 10}
        self.settings = {"nats_url": self.nats.url, **seconds, **await make_databases(self.postgres, "outage")}

    async def repair(self) -> None:
        """Start again what a test has left broken."""
        for server in (self.nats, self.postgres):
            child = server._child
            if child is None or child.exit_status is not None:
                await server.start()

    async def bootstrap(self) -> None:
        client = await nats.connect(self.nats.url)
        await bootstrap(client.jetstream())
        await client.close()

    async def stop(self) -> None:
        await self.nats.stop()
        await self.postgres.stop()


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    directory = tmp_path_factory.mktemp("outages")
    parts = Parts(NatsServer(directory / "nats"), PostgresServer(directory / "postgres"))
    await parts.start()
    yield parts
    await parts.stop()


@pytest.fixture
async def parts(servers: Parts) -> Parts:
    await servers.repair()
    return servers


@asynccontextmanager
async def everything(parts: Parts, **changes: Any) -> AsyncIterator[Gateway]:
    async with running_workers(parts.nats.url), running_gateway(**{**parts.settings, **changes}) as gateway:
        await wait_until_ready(gateway)
        yield gateway


async def subjects_of(url: str, tenant_id: str, stream: str = "DEMO_ECP") -> list[str]:
    """What a stream has of a tenant, in order."""
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        last = (await jetstream.stream_info(stream)).state.last_seq
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        subscription = await jetstream.subscribe("demo.>", stream=stream, ordered_consumer=True, config=config)
        found = []
        for _ in range(last):
            message = await subscription.next_msg(timeout=60)
            if (message.headers or {}).get("ce-subject") == tenant_id:
                found.append(message.subject)
            if message.metadata.sequence.stream >= last:
                break
        return found
    finally:
        await client.close()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_without_nats_it_serves_what_it_can_and_names_what_is_missing(parts: Parts) -> None:
    await parts.nats.stop()
    async with running_gateway(**parts.settings) as gateway:
        root = f"http://127.0.0.1:{gateway.settings.port}"
        ready = await gateway.http.get(f"{root}/ready")
        assert ready.status_code == 503
        assert "NATS" in ready.json()["missing"]
        assert (await gateway.http.get(f"{root}/health")).status_code == 200
        before = (await gateway.get("/tenants/"))["total_count"]
        refused = await gateway.http.post("/tenants/", json=tenant(), headers=DEMO)
        assert code_of(refused) == (503, "WORKER_UNAVAILABLE")
        assert refused.json()["error"]["details"] == {"dependency": "calculator"}
        assert (await gateway.get("/tenants/"))["total_count"] == before
        await parts.nats.start()
        async with running_workers(parts.nats.url):
            await wait_until_ready(gateway)
            await created_and_prepared(gateway)


async def test_events_accepted_while_nats_is_away_are_published_when_it_is_back(parts: Parts) -> None:
    async with everything(parts) as gateway:
        created = await created_and_prepared(gateway)
        name = created["tenant_id"]
        before = (await gateway.get("/tenants/"))["total_count"]
        parts.nats.kill()
        accepted = await gateway.http.delete(f"/tenants/{name}", headers=DEMO)
        assert accepted.status_code == 202
        refused = await gateway.http.post("/tenants/", json=tenant(), headers=DEMO)
        assert code_of(refused) == (503, "WORKER_UNAVAILABLE")
        metrics = {"metrics": {"cpu": 1}}
        posting = await gateway.http.post(f"/tenants/{name}/monitoring", json=metrics, headers=DEMO)
        assert posting.status_code == 202
        assert (await gateway.get("/tenants/"))["total_count"] == before
        await parts.nats.start()

        async def are_published() -> bool:
            measured = await subjects_of(parts.nats.url, name, "DEMO_METRICS")
            found = await subjects_of(parts.nats.url, name)
            return found.count("demo.operation.requested") == 1 and measured == ["demo.metrics.collected"]

        await eventually(are_published)


async def test_a_socket_goes_on_where_it_was_when_nats_comes_back(parts: Parts) -> None:
    async with everything(parts) as gateway:
        created = await created_and_prepared(gateway)
        async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as socket:
            await socket.next()
            await gateway.publish(event(DeployProgressed, created, 20))
            await socket.until(progress=20)
            parts.nats.kill()
            await parts.nats.start()
            for progress in (30, 40, 50):
                async with asyncio.timeout(60):
                    while True:
                        try:
                            step = event(DeployProgressed, created, progress)
                            await gateway.publish(step, event_id=f"after-{progress}")
                            break
                        except Exception:
                            await asyncio.sleep(0.1)
            assert [each["progress"] for each in await socket.until(progress=50)] == [30, 40, 50]


async def test_without_postgresql_a_call_is_refused_soon_and_the_next_one_after_it_is_back_works(parts: Parts) -> None:
    async with everything(parts) as gateway:
        created = await created_and_prepared(gateway)
        path = f"/tenants/{created['tenant_id']}"
        await parts.postgres.stop()
        for request in (
            gateway.http.get(path, headers=DEMO),
            gateway.http.post("/tenants/", json=tenant(), headers=DEMO),
            gateway.http.delete(path, headers=DEMO),
        ):
            async with asyncio.timeout(60):
                assert code_of(await request) == (503, "DATABASE_ERROR")
        async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        ready = await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}/ready")
        databases = {"PostgreSQL (production)", "PostgreSQL (demo)"}
        # The check of writes runs less often, and may have failed by now as well.
        assert set(ready.json()["missing"]) - {f"writes to {name}" for name in databases} == databases
        step = event(DeployProgressed, created, 60)
        await gateway.publish(step)
        await parts.postgres.start()
        assert (await gateway.http.get(path, headers=DEMO)).status_code == 200
        await gateway.eventually(f"/deployments/{created['deployment_id']}", progress=60)
        await created_and_prepared(gateway)


async def test_a_postgresql_that_hangs_is_an_outage_after_a_bounded_time(parts: Parts) -> None:
    async with everything(parts, database_command_timeout=2, database_connect_timeout=2) as gateway:
        created = await created_and_prepared(gateway)
        path = f"/tenants/{created['tenant_id']}"
        processes = postgres_processes(parts.postgres)
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):
                answers = await asyncio.gather(*(gateway.http.get(path, headers=DEMO) for _ in range(15)))
            assert {code_of(each) for each in answers} == {(503, "DATABASE_ERROR")}
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

        async def works() -> bool:
            return (await gateway.http.get(path, headers=DEMO)).status_code == 200

        await eventually(works)


def postgres_processes(server: PostgresServer) -> list[int]:
    """The server and all processes that it has forked."""
    child = server._child
    assert child is not None
    tree = [child.pid]
    for pid in tree:
        listing = Path(f"/proc/{pid}/task/{pid}/children")
        tree += [int(each) for each in listing.read_text().split()]
    return tree


async def test_the_outbox_is_drained_by_one_copy_and_by_another_when_that_is_gone(parts: Parts) -> None:
    async with everything(parts) as first, running_gateway(**parts.settings) as second:
        await wait_until_ready(second)
        created = await created_and_prepared(second)
        expected = ["demo.tenant.created", "demo.deploy.requested"]
        found = await subjects_of(parts.nats.url, created["tenant_id"])
        assert [each for each in found if each in expected] == expected
        async with first.database.session() as session:
            # As if the leader's connection broke: the other, or the same one again, takes over.
            ended = await session.fetchval(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert ended
        await created_and_prepared(first)


async def test_events_leave_the_outbox_in_its_order_and_once(parts: Parts) -> None:
    async with everything(parts) as gateway:
        created = await gateway.create(deploy=False)
        path = f"/tenants/{created['tenant_id']}"
        for number in range(20):
            changed = await gateway.http.put(path, json={"name": f"name {number}", "deploy": False}, headers=DEMO)
            assert changed.status_code == 202

        async def all_published() -> bool:
            async with gateway.database.session() as session:
                return await session.fetchval("SELECT count(*) FROM outbox") == 0

        await eventually(all_published)
        client = await nats.connect(parts.nats.url)
        stream = client.jetstream()
        names = []
        for sequence in range(1, (await stream.stream_info("DEMO_ECP")).state.last_seq + 1):
            message = await stream.get_msg("DEMO_ECP", sequence)
            if message.subject == "demo.tenant.updated":
                spec = json.loads(message.data or b"{}")["spec"]
                names += [spec["name"]] if spec["tenant_id"] == created["tenant_id"] else []
        await client.close()
        assert names == [f"name {number}" for number in range(20)]


async def test_a_drainer_waits_out_what_is_away(parts: Parts) -> None:
    async with everything(parts) as gateway:
        database = gateway.database
        drainer = outbox_drainer(
            Mode.DEMO,
            database,
            gateway.worker.publisher,
            gateway.app.state.metrics,
            poll=gateway.settings.outbox_poll,
        )
        running = asyncio.create_task(drainer.run())
        await parts.postgres.stop()
        await parts.postgres.start()
        await created_and_prepared(gateway)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def process(parts: Parts, **environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """`python -m services.gateway` as it is run."""
    [port] = free_ports(1)
    variables = {name.upper(): str(value) for name, value in parts.settings.items()} | {"PORT": str(port)}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.gateway"),
        env={**os.environ, **variables, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child, port
    finally:
        if child.returncode is None:
            child.kill()
        _, errors = await child.communicate()
        # Shown when the test fails.
        sys.stderr.write(errors.decode())


async def test_the_process_stops_in_seconds_though_sockets_are_open(parts: Parts) -> None:
    async with process(parts) as (child, port), local_client(timeout=60) as http:
        root = f"http://127.0.0.1:{port}"

        async def is_ready() -> bool:
            assert child.returncode is None
            try:
                return (await http.get(f"{root}/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready)
        async with running_workers(parts.nats.url):
            created = (await http.post(f"{root}/api/v1/tenants/", json=tenant())).json()
            socket = f"ws://127.0.0.1:{port}/ws/deployment/{created['deployment_id']}"
            async with connect(socket, proxy=None) as connection:
                await connection.recv()
                began = time.monotonic()
                child.send_signal(signal.SIGTERM)
                _, errors = await asyncio.wait_for(child.communicate(), 60)
                assert child.returncode == 0
                assert b"Traceback" not in errors, errors.decode()
                assert time.monotonic() - began < 30
        lines = [json.loads(line) for line in errors.splitlines() if line.startswith(b"{")]
        accepted = next(each for each in lines if each.get("action") == "tenant-created")
        assert accepted["tenant_id"] == created["tenant_id"]
        assert accepted["correlation_id"].startswith("req-")


async def test_the_process_names_a_setting_that_it_can_t_use(parts: Parts) -> None:
    async with process(parts, DATABASE_URL="mysql://user:hidden@somewhere/x") as (child, _):
        _, errors = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 1
    assert b"DATABASE_URL" in errors
    assert b"hidden" not in errors

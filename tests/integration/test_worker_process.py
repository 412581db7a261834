"""A worker as a process: its log while it waits, its start when dependencies are available, and its stop."""

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from embedded.nats import NatsServer
from embedded.ports import free_ports
from shared.version import VERSION

PROGRAM = """
import asyncio
from shared.bus import Worker, run_worker
from shared.settings import BusSettings, load
from shared.subjects import MONITOR_STORES

async def store(event, delivery):
    return None

async def crash():
    if {breaks_limits}:
        await worker.broker.connection.publish("anything", b"", headers={{"large": "x" * 3_000_000}})
    await asyncio.sleep(3600 if {lasts} else 0)
    raise RuntimeError("gone wrong")

settings = load(BusSettings)
worker = Worker("sleeper", settings)
worker.on(MONITOR_STORES, store)
worker.background("crash", crash)
run_worker(worker, settings)
"""


def free_port() -> int:
    return free_ports(1)[0]


@asynccontextmanager
async def process(
    nats_url: str, port: int, *, lasts: bool = True, breaks_limits: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "NATS_URL": nats_url, "PORT": str(port)}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(lasts=lasts, breaks_limits=breaks_limits),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def ask(port: int, path: str, status: int) -> str:
    """Wait until `path` answers with `status`; returns the body."""
    async with asyncio.timeout(60):
        while True:
            try:
                answer = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}{path}", timeout=5)
                code, body = answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                code, body = error.code, error.read().decode()
            except OSError:
                code, body = 0, ""
            if code == status:
                return body
            await asyncio.sleep(0.05)


async def stop(child: asyncio.subprocess.Process, number: signal.Signals = signal.SIGTERM) -> int:
    child.send_signal(number)
    _, errors = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode is not None, errors
    return child.returncode


async def test_a_worker_without_nats_logs_what_it_waits_for_and_still_stops(nats_url: str) -> None:
    port = free_port()
    async with process(f"nats://127.0.0.1:{free_port()}", port) as child:
        body = json.loads(await ask(port, "/ready", 503))
        assert "NATS" in body["missing"]
        assert body["checks"]["NATS"] == body["missing"]["NATS"]
        assert body["status"] == "not ready"
        assert await ask(port, "/health", 200)
        assert child.stderr is not None
        line = json.loads(await asyncio.wait_for(child.stderr.readline(), 10))
        assert line["action"] == "wait-for-dependency"
        assert line["event"].startswith("Waiting for NATS")
        assert await stop(child) == 0


async def test_a_worker_is_ready_shows_metrics_and_ends_cleanly_at_a_signal(nats_url: str) -> None:
    port = free_port()
    async with process(nats_url, port) as child:
        ready, health = json.loads(await ask(port, "/ready", 200)), json.loads(await ask(port, "/health", 200))
        assert (ready["status"], ready["ready"], ready["missing"]) == ("ready", True, {})
        assert ready["checks"]["NATS"] == health["checks"]["NATS"] == "ok"
        assert (health["service"], health["version"], health["status"]) == (ready["service"], VERSION, "healthy")
        assert "ecp_bus_received_messages" in await ask(port, "/metrics", 200)
        assert await stop(child, signal.SIGINT) == 0


async def test_a_failed_background_task_ends_the_process_so_that_it_is_restarted(nats_url: str) -> None:
    async with process(nats_url, free_port(), lasts=False) as child:
        _, errors = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == 1
        assert b"gone wrong" in errors


async def test_a_connection_that_nats_ends_for_good_ends_the_process_so_that_it_is_restarted(nats_url: str) -> None:
    async with process(nats_url, free_port(), breaks_limits=True) as child:
        _, errors = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == 1, errors
        assert b"connection-ended" in errors


async def test_a_worker_is_unhealthy_while_nats_is_away_and_recovers(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    port = free_port()
    try:
        bootstrap = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shared.bus", "bootstrap", env={**os.environ, "NATS_URL": server.url}
        )
        assert await bootstrap.wait() == 0
        async with process(server.url, port) as child:
            await ask(port, "/ready", 200)
            server.kill()
            await ask(port, "/health", 503)
            await server.start()
            await ask(port, "/health", 200)
            await ask(port, "/ready", 200)
            assert await stop(child) == 0
    finally:
        await server.stop()


async def test_a_worker_stops_though_nats_has_gone(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    port = free_port()
    bootstrap = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.bus", "bootstrap", env={**os.environ, "NATS_URL": server.url}
    )
    assert await bootstrap.wait() == 0
    async with process(server.url, port) as child:
        await ask(port, "/ready", 200)
        server.kill()
        await ask(port, "/health", 503)
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            _, errors = await child.communicate()
        assert child.returncode == 0, errors


@pytest.mark.parametrize("program", ["bootstrap", "worker"])
async def test_a_nats_without_accounts_is_refused_at_the_start_with_a_sentence(tmp_path: Path, program: str) -> None:
    server = NatsServer(tmp_path, authorization="")
    await server.start()
    try:
        if program == "worker":
            async with process(server.url, free_port()) as child:
                _, errors = await asyncio.wait_for(child.communicate(), 60)
        else:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "shared.bus", "bootstrap"),
                env={**os.environ, "NATS_URL": server.url},
                stderr=asyncio.subprocess.PIPE,
            )
            _, errors = await asyncio.wait_for(child.communicate(), 60)
    finally:
        await server.stop()
    assert child.returncode == 1
    assert b"NATS has no accounts, so other systems could publish events as if they were ours" in errors
    assert b"Traceback" not in errors

"""The watchdog detects and kills a process that hangs, and supervisord restarts it."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from embedded import postgres
from embedded.child import until
from embedded.directory import DataDirectory
from embedded.launch import launcher
from embedded.nats import NatsServer
from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from embedded.programs import INFRASTRUCTURE, SERVICES, Program
from embedded.readiness import answers
from embedded.supervision import ProcessState, Supervisor
from embedded.watchdog import Watchdog

SERVER = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory.prepare(tmp_path / ".ecp")


@pytest.fixture
async def supervised(directory: DataDirectory) -> AsyncIterator[tuple[Supervisor, int]]:
    [port] = free_ports(1)
    programs = [
        Program(name, group, launcher([sys.executable, "-c", SERVER, str(port)], record=directory.record(name)))
        for name, group in (("calculator", SERVICES), ("nats", INFRASTRUCTURE))
    ]
    supervisor = Supervisor(programs, directory, dict(os.environ))
    await supervisor.start()
    await supervisor.start_program(programs[0])
    yield supervisor, port
    await supervisor.stop()


async def test_a_program_that_is_stopped_is_named_and_runs_again_once_it_is_killed(
    supervised: tuple[Supervisor, int],
) -> None:
    supervisor, port = supervised
    check = partial(answers, f"http://127.0.0.1:{port}/", with_any_status=True)
    await until(check, 60)
    watchdog = Watchdog({"calculator": check}, failing=0.5, every=0.05)
    assert await watchdog.hanging(await supervisor.states()) == []
    [before] = [state for state in await supervisor.states() if state.name == "calculator"]

    os.kill(before.pid, signal.SIGSTOP)
    found: list[ProcessState] = []

    async def hangs() -> bool:
        found[:] = await watchdog.hanging(await supervisor.states())
        return bool(found)

    await until(hangs, 60)
    assert [(state.name, state.pid) for state in found] == [("calculator", before.pid)]
    os.kill(before.pid, signal.SIGKILL)
    await until(check, 60)
    assert await watchdog.hanging(await supervisor.states()) == []


async def test_postgresql_and_nats_live_while_they_answer_and_not_while_they_are_stopped(tmp_path: Path) -> None:
    database, bus = PostgresServer(tmp_path / "postgres"), NatsServer(tmp_path / "nats")
    await database.start()
    await bus.start()
    try:
        checks = {
            "postgres": partial(postgres.lives, database.port),
            "nats": partial(answers, bus.monitor_url, with_any_status=True, timeout=0.5),
        }
        pids = {"postgres": database.pid, "nats": bus.pid}
        states = [ProcessState(name, INFRASTRUCTURE, "RUNNING", pid, "") for name, pid in pids.items()]
        watchdog = Watchdog(checks, failing=0.5, every=0.05)
        assert await watchdog.hanging(states) == []
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)

        async def both_hang() -> bool:
            return len(await watchdog.hanging(states)) == 2

        async def none_hangs() -> bool:
            return await watchdog.hanging(states) == []

        await until(both_hang, 60)
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
        await until(none_hangs, 60)
    finally:
        await bus.stop()
        await database.stop()


async def test_a_program_has_its_grace_from_its_start_and_each_start_has_its_own() -> None:
    now = [0.0]

    async def never() -> bool:
        return False

    watchdog = Watchdog({"gateway": never}, failing=30, grace=100, every=5, clock=lambda: now[0])

    async def rounds(pid: int, count: int) -> list[bool]:
        found = []
        for _ in range(count):
            found.append(bool(await watchdog.hanging([ProcessState("gateway", SERVICES, "RUNNING", pid, "")])))
            now[0] += 5
        return found

    assert await rounds(1, 21) == [False] * 20 + [True]
    assert await rounds(2, 20) == [False] * 20
    now[0] += 36_000
    assert await rounds(3, 1) == [False]

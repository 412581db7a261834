"""supervisord starts services as forks of itself, which are in all other ways what `exec` would have started."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from embedded.child import until
from embedded.directory import DataDirectory
from embedded.launch import launcher
from embedded.ports import free_ports
from embedded.programs import SERVICES, Program
from embedded.readiness import answers
from embedded.records import ProcessRecord, end_leftovers, read_records
from embedded.supervision import Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="services are forks on Linux only")
MODULE = "services.calculator"
SECONDS = 60
"""Generous, for a machine that other tests keep busy."""


def calculator(directory: DataDirectory, name: str, port: str) -> Program:
    """A real service, whose NATS isn't there: it serves `/health` and waits."""
    command = launcher([sys.executable, "-m", MODULE], record=directory.record(name), directory=Path.cwd())
    return Program(name, SERVICES, command, environment={"PORT": port}, stop_seconds=5, start_seconds=1)


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
async def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory.prepare(tmp_path / ".ecp")


@pytest.fixture
async def supervisor(directory: DataDirectory, port: int) -> AsyncIterator[Supervisor]:
    programs = [calculator(directory, "calculator", str(port)), calculator(directory, "misconfigured", "many")]
    [nowhere] = free_ports(1)
    variables = {**os.environ, "NATS_URL": f"nats://127.0.0.1:{nowhere}", "ENVIRONMENT": "development"}
    supervisor = Supervisor(programs, directory, variables)
    await supervisor.start()
    await supervisor.start_group(SERVICES)
    yield supervisor
    await supervisor.stop()
    assert not any(record.alive for record in read_records(directory.run))


def record(directory: DataDirectory, name: str) -> ProcessRecord:
    return next(each for each in read_records(directory.run) if each.program == name)


def process(directory: DataDirectory, name: str) -> psutil.Process:
    return psutil.Process(record(directory, name).pid)


async def until_healthy(port: int) -> None:
    await until(lambda: answers(f"http://127.0.0.1:{port}/health"), SECONDS)


async def test_a_service_is_a_fork_of_supervisord_under_its_own_name_and_settings(
    supervisor: Supervisor, directory: DataDirectory, port: int
) -> None:
    await until_healthy(port)
    service, parent = process(directory, "calculator"), process(directory, "supervisord")

    # What `exec` starts has an environment of its own there.
    assert service.environ() == parent.environ()
    assert service.ppid() == parent.pid
    assert " ".join(service.cmdline()).strip().endswith(f"-m {MODULE}")
    assert service.cwd() == str(Path.cwd())
    assert {each.pid for each in await supervisor.states() if each.name == "calculator"} == {service.pid}
    [started] = [line for line in directory.log("supervisord").read_text().splitlines() if "'calculator'" in line]
    assert str(service.pid) in started


async def test_a_killed_service_is_forked_again_and_ends_orderly_when_it_is_asked(
    supervisor: Supervisor, directory: DataDirectory, port: int
) -> None:
    await until_healthy(port)
    killed = record(directory, "calculator")

    killed.send(signal.SIGKILL)

    await until(lambda: record(directory, "calculator").pid != killed.pid, SECONDS)
    await until_healthy(port)
    record(directory, "calculator").send(signal.SIGTERM)
    exited = "exited: calculator (exit status 0;"
    await until(lambda: exited in directory.log("supervisord").read_text(), SECONDS)


async def test_a_setting_that_can_t_be_used_ends_the_fork_with_its_sentence(
    supervisor: Supervisor, directory: DataDirectory
) -> None:
    log = directory.log("misconfigured")

    await until(lambda: log.exists() and "PORT" in log.read_text(), SECONDS)
    await until(lambda: "exited: misconfigured (exit status 1" in directory.log("supervisord").read_text(), SECONDS)
    assert "Traceback" not in log.read_text()


async def test_services_end_with_a_killed_supervisord(
    supervisor: Supervisor, directory: DataDirectory, port: int
) -> None:
    await until_healthy(port)
    service = record(directory, "calculator")

    record(directory, "supervisord").send(signal.SIGKILL)

    await until(lambda: not service.alive, SECONDS)
    await end_leftovers(directory.run)
    assert not any(record.alive for record in read_records(directory.run))


async def test_a_service_that_can_t_be_imported_is_started_by_exec_and_logs_why(directory: DataDirectory) -> None:
    name = "services.absent"
    program = Program("absent", SERVICES, launcher([sys.executable, "-m", name], record=directory.record("absent")))
    supervisor = Supervisor([program], directory, dict(os.environ))
    await supervisor.start()
    try:
        await supervisor.start_program(program)
        await until(lambda: "No module named services.absent" in directory.log("absent").read_text(), SECONDS)
    finally:
        await supervisor.stop()

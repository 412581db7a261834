"""supervisord, controlled by the runner: it restarts killed processes, and leaves none behind."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from embedded.child import until
from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.launch import launcher
from embedded.programs import INFRASTRUCTURE, SERVICES, Program
from embedded.records import end_leftovers, read_records
from embedded.supervision import ProcessState, Supervisor

TELLS = "import os, time; print(os.environ['WHO'], os.environ['PORT'], flush=True); time.sleep(600)"


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    """A directory whose path has all characters with a special meaning in supervisord's configuration."""
    return DataDirectory.prepare(tmp_path / 'my #1 "ECP" ; 100% 데이터' / ".ecp")


def program(directory: DataDirectory, name: str, group: str, code: str = TELLS) -> Program:
    command = launcher([sys.executable, "-c", code], record=directory.record(name))
    return Program(name, group, command, environment={"PORT": "8011"}, stop_seconds=5, start_seconds=1)


@pytest.fixture
async def supervisor(directory: DataDirectory) -> AsyncIterator[Supervisor]:
    programs = [
        program(directory, "nats", INFRASTRUCTURE),
        program(directory, "calculator-1", SERVICES),
        program(directory, "calculator-2", SERVICES),
        program(directory, "broken", SERVICES, "raise SystemExit('no such table')"),
    ]
    supervisor = Supervisor(programs, directory, {**os.environ, "WHO": "it is me"})
    await supervisor.start()
    yield supervisor
    await supervisor.stop()
    assert not any(record.alive for record in read_records(directory.run))


async def state(supervisor: Supervisor, name: str) -> ProcessState:
    return next(state for state in await supervisor.states() if state.name == name)


async def until_running(supervisor: Supervisor, name: str, other_than: int = 0) -> int:
    """Wait until the program `name` runs in another process than `other_than`; returns its pid."""

    async def runs() -> bool:
        now = await state(supervisor, name)
        return now.state == "RUNNING" and now.pid != other_than

    await until(runs, 60)
    return (await state(supervisor, name)).pid


async def test_nothing_starts_by_itself_and_a_group_starts_as_a_whole(supervisor: Supervisor) -> None:
    assert {each.state for each in await supervisor.states()} == {"STOPPED"}

    await supervisor.start_group(INFRASTRUCTURE)

    await until_running(supervisor, "nats")
    assert (await state(supervisor, "calculator-1")).state == "STOPPED"


async def test_a_program_sees_the_environment_and_its_output_is_logged(
    supervisor: Supervisor, directory: DataDirectory
) -> None:
    await supervisor.start_group(INFRASTRUCTURE)

    await until(lambda: directory.log("nats").exists() and "it is me 8011" in directory.log("nats").read_text(), 60)


async def test_what_is_killed_is_started_again(supervisor: Supervisor) -> None:
    await supervisor.start_group(INFRASTRUCTURE)
    first = await until_running(supervisor, "nats")

    os.kill(first, signal.SIGKILL)

    await until_running(supervisor, "nats", other_than=first)


async def test_what_keeps_failing_is_given_up_and_can_be_revived(
    supervisor: Supervisor, directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.supervision.START_RETRIES", 0)
    await supervisor.stop()
    await supervisor.start()
    await supervisor.start_group(SERVICES)

    async def given_up() -> bool:
        return (await state(supervisor, "broken")).state == "FATAL"

    await until(given_up, 60)
    await supervisor.revive(await state(supervisor, "broken"))
    await until(lambda: directory.log("broken").read_text().count("no such table") == 2, 60)
    await until(given_up, 60)


async def test_when_supervisord_is_killed_what_it_started_ends_too(
    supervisor: Supervisor, directory: DataDirectory
) -> None:
    await supervisor.start_group(INFRASTRUCTURE)
    await until_running(supervisor, "nats")
    record = next(record for record in read_records(directory.run) if record.program == "nats")

    os.kill(next(each for each in read_records(directory.run) if each.program == "supervisord").pid, signal.SIGKILL)

    await until(lambda: not supervisor.lives, 60)
    with pytest.raises(EmbeddedError, match="does not answer"):
        await supervisor.states()
    await end_leftovers(directory.run)
    assert not record.alive

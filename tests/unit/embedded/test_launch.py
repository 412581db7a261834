"""How programs are started: recorded, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.child import Child, tail, until
from embedded.errors import EmbeddedError
from embedded.launch import identity, launcher
from embedded.records import ProcessRecord, end_leftovers, read_records

SLEEP = ["/bin/sleep", "600"]
STUBBORN = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"]


async def recorded(directory: Path, name: str, command: list[str]) -> Child:
    """A child that has become `command` and is recorded."""
    child = Child(command, directory / f"{name}.log", record=directory / f"{name}.process")
    await until(lambda: _command_line(child.pid).startswith(command[0]), 60)
    return child


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


@pytest.mark.slow
def test_a_process_is_told_from_another_and_from_none() -> None:
    assert identity(os.getpid()) == identity(os.getpid()) is not None
    with subprocess.Popen(SLEEP) as other:
        assert identity(other.pid) != identity(os.getpid())
        other.kill()
        # Killed and not yet waited for: a zombie is nothing that still runs.
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert identity(other.pid) is None


@pytest.mark.slow
async def test_the_record_names_the_program_that_the_launcher_has_become(tmp_path: Path) -> None:
    child = await recorded(tmp_path, "sleeper", SLEEP)

    (record,) = read_records(tmp_path)

    assert (record.program, record.pid, record.stop_signal) == ("sleeper", child.pid, signal.SIGTERM)
    assert record.alive
    await child.stop()
    assert not record.alive


@pytest.mark.slow
async def test_what_an_earlier_run_left_is_ended_even_when_it_ignores_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.records.ORPHAN_SECONDS", 0.2)
    children = [await recorded(tmp_path, "polite", SLEEP), await recorded(tmp_path, "stubborn", STUBBORN)]
    reapers = [asyncio.create_task(until(lambda child=child: child.exit_status is not None, 20)) for child in children]

    assert await end_leftovers(tmp_path) == ["polite", "stubborn"]

    await asyncio.gather(*reapers)
    assert await end_leftovers(tmp_path) == []


@pytest.mark.slow
async def test_a_process_that_has_got_a_recorded_pid_since_is_left_alone(tmp_path: Path) -> None:
    bystander = await recorded(tmp_path, "bystander", SLEEP)
    (tmp_path / "bystander.process").write_text(f"{bystander.pid}\tanother boot/12345\tSIGTERM\n")

    assert await end_leftovers(tmp_path) == []

    assert bystander.exit_status is None
    await bystander.stop()


@pytest.mark.parametrize("text", ["", "123", "x\ty\tSIGTERM\n", "1\ty\tSIGNOTHING\n"])
def test_a_record_that_was_cut_short_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "half.process").write_text(text)

    assert read_records(tmp_path) == []


@pytest.mark.slow
def test_signalling_a_process_that_has_ended_does_nothing() -> None:
    with subprocess.Popen(SLEEP) as ended:
        known_by = identity(ended.pid)
        ended.kill()
    assert known_by is not None

    ProcessRecord("ended", ended.pid, known_by, signal.SIGTERM).send(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
async def test_a_program_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    record = tmp_path / "orphan.process"
    parent_program = f"import subprocess, time; subprocess.Popen({launcher(SLEEP, record=record)!r}); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", parent_program]) as parent:  # noqa: ASYNC220 - it is killed, not awaited
        await until(lambda: bool(read_records(tmp_path)), 60)
        (orphan,) = read_records(tmp_path)
        await until(lambda: _command_line(orphan.pid).startswith(SLEEP[0]), 60)
        parent.kill()

    await until(lambda: not orphan.alive, 60)


@pytest.mark.slow
async def test_a_program_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child(["/bin/sh", "-c", "echo the disk is full; exit 3"], tmp_path / "log")

    async def never() -> bool:
        return False

    with pytest.raises(EmbeddedError, match=r"(?s)status 3.*the disk is full"):
        await child.until_ready(never, "the program", 10)


def test_the_tail_of_a_log_is_its_last_lines_or_a_note_that_there_are_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert "nothing in" in tail(log)

    log.write_text("\n".join(str(number) for number in range(10_000)))

    assert tail(log, lines=2) == "  9998\n  9999"

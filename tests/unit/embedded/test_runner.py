"""What ends a run, and what doesn't: signals, a terminal that closes, nohup."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.child import until
from embedded.directory import DataDirectory, RunLock
from embedded.errors import AlreadyRunning
from embedded.ports import free_ports
from embedded.report import ConsoleReport
from embedded.runner import clean, login_line
from embedded.settings import EmbeddedSettings

pytestmark = pytest.mark.slow


LIMIT = 60.0
"""Seconds, on a machine that others use too."""
RUN = """
import asyncio, sys
from embedded import runner

runner.TERMINAL_SECONDS = 0.05

async def work():
    print("working", file=sys.stderr, flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.2)  # an orderly end takes its time
        print("ended in order", file=sys.stderr, flush=True)

asyncio.run(runner._until_signalled(work()))
"""
# As make does: it is told that the terminal has gone, waits for its child, and tells it nothing.
LEADER = """
import signal, subprocess, sys
signal.signal(signal.SIGHUP, lambda *_: None)
subprocess.run([sys.executable, "-c", sys.argv[1]], stderr=open(sys.argv[2], "w"))
"""


def launched(log: Path, ignoring: signal.Signals | None) -> "subprocess.Popen[bytes]":
    # The tests may run under nohup themselves, which is inherited.
    prepare = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    if ignoring:
        prepare += f"signal.signal({int(ignoring)}, signal.SIG_IGN)\n"
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-c", prepare + RUN], stdin=subprocess.DEVNULL, stderr=output)


def launched_on_a_terminal(log: Path) -> tuple[int, int]:
    """The pid of a session's leader that has `RUN` as its child, and the other end of its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", LEADER, RUN, str(log)])  # noqa: S606 - no shell is wanted
    return pid, terminal


async def started(log: Path, *, ignoring: signal.Signals | None = None) -> "subprocess.Popen[bytes]":
    """A process that runs `RUN` and has logged that."""
    run = launched(log, ignoring)
    await until(lambda: "working" in log.read_text(), LIMIT)
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_run_in_order_and_a_second_one_does_not_cut_it_short(
    tmp_path: Path, number: signal.Signals
) -> None:
    run = await started(tmp_path / "log")

    run.send_signal(number)
    run.send_signal(number)

    assert run.wait(LIMIT) == 0
    assert "ended in order" in (tmp_path / "log").read_text()


async def test_under_nohup_the_run_goes_on_without_its_terminal(tmp_path: Path) -> None:
    run = await started(tmp_path / "log", ignoring=signal.SIGHUP)

    run.send_signal(signal.SIGHUP)
    run.send_signal(signal.SIGTERM)

    assert run.wait(LIMIT) == 0, "the second signal ended it, in order"


async def test_a_scripts_background_job_can_be_interrupted_too(tmp_path: Path) -> None:
    run = await started(tmp_path / "log", ignoring=signal.SIGINT)

    run.send_signal(signal.SIGINT)

    assert run.wait(LIMIT) == 0


async def test_a_terminal_that_closes_ends_the_run_even_if_no_process_passes_the_signal_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid, terminal = launched_on_a_terminal(log)
    await until(lambda: log.exists() and "working" in log.read_text(), LIMIT)

    os.close(terminal)

    await until(lambda: "ended in order" in log.read_text(), LIMIT)
    await until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, LIMIT)


async def test_clean_removes_the_data_but_not_under_a_run(tmp_path: Path) -> None:
    settings = EmbeddedSettings.read(data_dir=tmp_path / "data", gateway_port=free_ports(1)[0])
    directory = DataDirectory.prepare(settings.data_dir)
    lock = RunLock(directory)

    with lock.held(pid=os.getpid(), gateway=settings.gateway_url), pytest.raises(AlreadyRunning):
        await clean(settings, ConsoleReport())
    lock.close()
    await clean(settings, ConsoleReport())

    assert not directory.root.exists()


@pytest.mark.parametrize(
    ("sign_in", "line"),
    [
        ({"authentication": False, "issuer": None}, "none is needed, because only this machine can connect"),
        ({"authentication": True, "issuer": "https://id.kr"}, "tokens of https://id.kr, and API keys"),
        ({"authentication": True, "issuer": None}, "API keys"),
    ],
)
def test_a_start_tells_whether_the_api_needs_a_login(sign_in: dict[str, object], line: str) -> None:
    assert login_line(sign_in) == line

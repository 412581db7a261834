"""What is printed: plain lines on a pipe, a bar on a terminal, and no failure without a reader."""

import io
import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console

from embedded.report import ConsoleReport

WRITER = """
from embedded.report import ConsoleReport
report = ConsoleReport()
for number in range(10_000):
    report.line(f"line {number} with some text after it")
import sys; print("survived", file=sys.stderr)
"""

STAGES = """
import sys, time
from embedded.report import ConsoleReport
report = ConsoleReport()
for name in ("first", "second"):
    with report.stage(f"{name} stage"):
        time.sleep(0.1)
    with report.progress("tenant") as show:
        for percent in range(0, 101, 10):
            show(percent, "working", "hard")
            time.sleep(0.01)
print("survived", file=sys.stderr)
"""


def test_stages_are_lines_with_their_times_and_text_is_not_taken_for_markup() -> None:
    output = io.StringIO()
    report = ConsoleReport(Console(file=output))

    with report.stage("[tables] and streams"):
        pass

    assert "[tables] and streams" in output.getvalue()


def test_progress_off_a_terminal_is_a_line_for_each_phase_and_every_few_percent() -> None:
    output = io.StringIO()

    with ConsoleReport(Console(file=output)).progress("ai-call-center") as show:
        for percent in (0, 1, 50, 52, 55, 100):
            show(percent, "creating-services", "callbot")
        show(100, "done", "everything runs")

    *steps, timed = output.getvalue().splitlines()
    assert [step.split()[1] for step in steps] == ["0", "50", "55", "100", "100"]
    assert timed.split()[:2] == ["ai-call-center", "deployed"]


def test_progress_on_a_terminal_is_one_bar() -> None:
    output = io.StringIO()
    report = ConsoleReport(Console(file=output, force_terminal=True, width=120, highlight=False))

    with report.progress("ai-call-center") as show:
        show(100, "done", "everything runs")

    assert "100%" in output.getvalue()
    assert "done: everything runs" in output.getvalue()


@pytest.mark.slow
def test_a_reader_that_goes_away_does_not_stop_the_writer() -> None:
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=write, stderr=subprocess.PIPE) as writer:
        os.close(write)
        os.close(read)
        _, errors = writer.communicate(timeout=60)

    assert writer.returncode == 0
    assert errors.decode().strip() == "survived"


@pytest.mark.slow
def test_a_terminal_sees_stages_while_they_last_and_may_close_in_the_middle() -> None:
    """On a real terminal: rich redirects standard output there, and a closed one fails every write."""
    parent, terminal = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", STAGES], stdout=terminal, stderr=subprocess.PIPE) as writer:
        os.close(terminal)
        seen = b""
        while b"first stage" not in seen:
            seen += os.read(parent, 4096)
        os.close(parent)
        _, errors = writer.communicate(timeout=60)

    assert writer.returncode == 0
    assert errors.decode().strip() == "survived"

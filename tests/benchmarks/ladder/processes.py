"""CPU time and memory of the stack's programs, children included, found by the records that the stack keeps."""

import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from embedded.directory import DataDirectory
from embedded.records import SUPERVISOR, read_records

POSTGRES = "PostgreSQL"


def cpu_seconds(directory: DataDirectory) -> dict[str, float]:
    """CPU seconds of each program since its start."""
    return _by_program(directory, _cpu_of)


def megabytes(directory: DataDirectory) -> dict[str, float]:
    """Memory of each program: its own pages, and its part of those that it shares (PSS), in MB."""
    return _by_program(directory, _pss_of)


def difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was added. A program that was started again counts from its start."""
    return {name: now - before.get(name, 0.0) if now >= before.get(name, 0.0) else now for name, now in after.items()}


def _by_program(directory: DataDirectory, measure: Callable[[psutil.Process], float]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for record in read_records(directory.run):
        with suppress(psutil.Error):
            process = psutil.Process(record.pid)
            # The children of supervisord are the programs themselves.
            children = [] if record.program == SUPERVISOR else process.children(recursive=True)
            for each in (process, *children):
                with suppress(psutil.Error, OSError):
                    found[_shown(record.program)] += measure(each)
    return dict(found)


def _shown(program: str) -> str:
    """The copies of a worker are one, and so are the three servers of PostgreSQL."""
    return POSTGRES if program.startswith("postgres") else re.sub(r"-\d+$", "", program)


def _cpu_of(process: psutil.Process) -> float:
    """With that of children that have ended, which PostgreSQL has for each connection."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _pss_of(process: psutil.Process) -> float:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    [kilobytes] = re.findall(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)
    return int(kilobytes) / 1000

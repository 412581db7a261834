"""Faults in addition to tests/e2e/faults.py: limits, partitions, clock jumps, and damaged files."""

import asyncio
import random
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import psutil

from embedded.records import ProcessRecord
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import Fault
from tests.e2e.network import cut_off
from tests.support.clocks import Clock
from tests.support.damage import flip_bits, newest_block, truncate
from tests.support.small_disk import filled

_NO_MEMORY = re.compile("^.*(?:MemoryError|Cannot allocate memory|can't start new thread).*$", re.MULTILINE)


def partition(seconds: float, *ports: str) -> Fault:
    """Make the server at one of `ports` (`NATS_PORT`) unreachable for a while."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        port = chance.choice(ports)
        with cut_off(int(run.variables[port])):
            await asyncio.sleep(seconds)
        return port

    return inject


def few_descriptors(seconds: float, *programs: str) -> Fault:
    """A process can't open connections or files for a while."""
    return _limited(seconds, programs, resource.RLIMIT_NOFILE, lambda process: process.num_fds())


def too_little_memory(seconds: float, share: float, *programs: str) -> Fault:
    """Limit a process to a `share` of the memory that it uses: for a while it can reuse memory, but not get more.

    The limit is that of data segments. A limit of address space would not be noticed, because the C library reserves
    64 MiB of addresses per thread in advance.
    """
    return _limited(seconds, programs, resource.RLIMIT_DATA, lambda process: int(process.memory_info().data * share))


def failed_allocations(run: EmbeddedRun) -> int:
    """The lines about failed allocations in all logs so far."""
    logs = run.directory.logs.glob("*.log*")
    return sum(len(_NO_MEMORY.findall(log.read_text(encoding="utf-8", errors="replace"))) for log in logs)


def clock_jump(clock: Clock, seconds: int, lasting: float) -> Fault:
    """The clock of all dynamically linked programs jumps, and jumps back after a while."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        try:
            clock.set(seconds)
            await asyncio.sleep(lasting)
        finally:
            clock.set(0)
        return f"clock by {seconds} s"

    return inject


def full_databases(seconds: float) -> Fault:
    """Fill the disk of PostgreSQL for a while. It has to be a separate disk."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        with filled(run.directory.databases):
            await asyncio.sleep(seconds)
        return "disk of postgres"

    return inject


def damaged(streams: tuple[str, ...], damage: Callable[[Path, random.Random], None]) -> Fault:
    """Kill NATS, and damage the newest file of one of `streams`, each in turn, before it starts again."""
    turns = cycle(streams)

    async def inject(run: EmbeddedRun, chance: random.Random) -> str | None:
        nats, stream = _running(run, "nats"), next(turns)
        file = newest_block(run.directory.jetstream, stream)
        if nats is None or file is None or not file.stat().st_size:
            return None
        # Stopped first, because supervisord restarts it at once, and it must not read the file before the damage.
        nats.send(signal.SIGSTOP)
        damage(file, chance)
        nats.send(signal.SIGKILL)
        return stream

    return inject


def cut_short(file: Path, chance: random.Random) -> None:
    """Truncate the file to two thirds, as after an incomplete write."""
    truncate(file, 2 / 3)


def rotted(file: Path, chance: random.Random) -> None:
    """Flip three bits in the newest part."""
    flip_bits(file, 3, chance)


def one_of(*faults: Fault) -> Fault:
    """A random one of `faults` each time."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str | None:
        return await chance.choice(faults)(run, chance)

    return inject


def _limited(seconds: float, programs: tuple[str, ...], limit: int, amount: Callable[[psutil.Process], int]) -> Fault:
    async def inject(run: EmbeddedRun, chance: random.Random) -> str | None:
        program = chance.choice(programs)
        record = _running(run, program)
        if record is None:
            return None
        with suppress(psutil.NoSuchProcess, ProcessLookupError), _limit(record.pid, limit, amount):
            await asyncio.sleep(seconds)
            return program
        return None

    return inject


@contextmanager
def _limit(pid: int, limit: int, amount: Callable[[psutil.Process], int]) -> Iterator[None]:
    """Change only the soft limit, because it can be raised again."""
    soft, hard = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (amount(psutil.Process(pid)), hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, limit, (soft, hard))


def _running(run: EmbeddedRun, program: str) -> ProcessRecord | None:
    return next((record for record in run.alive() if record.program == program), None)

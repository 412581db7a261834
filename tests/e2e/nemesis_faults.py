"""Faults beyond those of tests/e2e/faults.py: limits, partitions, clocks, and files that are damaged."""

import asyncio
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from embedded.records import ProcessRecord
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import Fault
from tests.e2e.network import cut_off
from tests.support.clocks import Clock
from tests.support.damage import flip_bits, newest_block, truncate
from tests.support.small_disk import filled


def partition(seconds: float, *ports: str) -> Fault:
    """The server at one of `ports` (`NATS_PORT`) is cut off from everybody for a while."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        port = chance.choice(ports)
        with cut_off(int(run.variables[port])):
            await asyncio.sleep(seconds)
        return port

    return inject


def few_descriptors(seconds: float, *programs: str) -> Fault:
    """A process may open nothing more for a while: no connection, no file."""
    return _limited(seconds, programs, resource.RLIMIT_NOFILE, lambda process: process.num_fds())


def no_more_memory(seconds: float, spare: int, *programs: str) -> Fault:
    """A process may take `spare` bytes of address space more than it has, for a while."""
    return _limited(seconds, programs, resource.RLIMIT_AS, lambda process: process.memory_info().vms + spare)


def clock_jump(clock: Clock, seconds: int, lasting: float) -> Fault:
    """The clock of all dynamically linked programs jumps, and after a while back."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        try:
            clock.set(seconds)
            await asyncio.sleep(lasting)
        finally:
            clock.set(0)
        return f"clock by {seconds} s"

    return inject


def full_databases(seconds: float) -> Fault:
    """No byte is left on the disk of PostgreSQL for a while. It has to be one of its own."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        with filled(run.directory.databases):
            await asyncio.sleep(seconds)
        return "disk of postgres"

    return inject


def damaged(streams: tuple[str, ...], damage: Callable[[Path, random.Random], None]) -> Fault:
    """NATS is killed, and one of its files is damaged before it starts again."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        nats = _running(run, "nats")
        file = newest_block(run.directory.jetstream, chance.choice(streams))
        if nats is None or file is None:
            return "nothing"
        # Stopped first, since supervisord starts it again at once: it must not read the file before.
        nats.send(signal.SIGSTOP)
        damage(file, chance)
        nats.send(signal.SIGKILL)
        return str(file)

    return inject


def cut_short(file: Path, chance: random.Random) -> None:
    """Two thirds of the file stay, as of one that was not written to its end."""
    truncate(file, 2 / 3)


def rotted(file: Path, chance: random.Random) -> None:
    """Three bits of the newest part are others."""
    flip_bits(file, 3, chance)


def one_of(*faults: Fault) -> Fault:
    """Another fault each time."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        return await chance.choice(faults)(run, chance)

    return inject


def _limited(seconds: float, programs: tuple[str, ...], limit: int, amount: Callable[[psutil.Process], int]) -> Fault:
    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        program = chance.choice(programs)
        record = _running(run, program)
        if record is not None:
            with suppress(psutil.NoSuchProcess, ProcessLookupError), _limit(record.pid, limit, amount):
                await asyncio.sleep(seconds)
        return program

    return inject


@contextmanager
def _limit(pid: int, limit: int, amount: Callable[[psutil.Process], int]) -> Iterator[None]:
    """The soft limit alone: it can be raised again."""
    soft, hard = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (amount(psutil.Process(pid)), hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, limit, (soft, hard))


def _running(run: EmbeddedRun, program: str) -> ProcessRecord | None:
    return next((record for record in run.alive() if record.program == program), None)

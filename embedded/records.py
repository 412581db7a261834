"""What an earlier run left behind when it was killed: found by its records, and ended in order.

A process is known by its pid together with the boot and the moment at which it began, so nothing else that has got the
same pid since is ever touched.
"""

import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.child import until
from embedded.errors import EmbeddedError
from embedded.launch import identity

SUPERVISOR = "supervisord"
# supervisord stops the services, which may finish what is in flight, and then NATS and PostgreSQL.
SUPERVISED_SECONDS = 45.0
# Without it everything is asked at once: a worker whose NATS goes at the same moment would wait for it in vain.
ORPHAN_SECONDS = 5.0
KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process that a run started."""

    program: str
    pid: int
    identity: str
    stop_signal: signal.Signals

    @property
    def alive(self) -> bool:
        return identity(self.pid) == self.identity

    def send(self, number: signal.Signals) -> None:
        """Signal the process if it is still the same one."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)


def read_records(directory: Path) -> list[ProcessRecord]:
    """The records below `directory`; one that was cut short has no process that could have gone on."""
    records = []
    for path in sorted(directory.glob("*.process")):
        with contextlib.suppress(ValueError, KeyError):
            pid, known_by, stop_signal = path.read_text(encoding="utf-8").rstrip("\n").split("\t")
            records.append(ProcessRecord(path.stem, int(pid), known_by, signal.Signals[stop_signal]))
    return records


async def end_leftovers(directory: Path) -> list[str]:
    """End what is recorded below `directory` and still runs; the programs that did.

    supervisord, where it lives, is asked first, because it would start again what is stopped. Raises EmbeddedError
    when something survives SIGKILL.
    """
    left = [record for record in read_records(directory) if record.alive]
    if not left:
        return []
    supervisor = [record for record in left if record.program == SUPERVISOR]
    for record in supervisor or left:
        record.send(record.stop_signal)
    if not await _gone(left, SUPERVISED_SECONDS if supervisor else ORPHAN_SECONDS):
        for record in left:
            record.send(signal.SIGKILL)
    if not await _gone(left, KILL_SECONDS):
        survivors = ", ".join(f"{record.program} ({record.pid})" for record in left if record.alive)
        raise EmbeddedError(f"An earlier run's processes can't be ended: {survivors}")
    return [record.program for record in left]


async def _gone(records: Sequence[ProcessRecord], seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await until(lambda: not any(record.alive for record in records), seconds)
    return not any(record.alive for record in records)

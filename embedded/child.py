"""One program that this process starts, waits for and stops: what the test servers and the runner share."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.launch import SAME_ACCOUNT, launcher

POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.1
TAIL_LINES = 15


class Child:
    """A started program. It dies with this process, and what it prints goes to `log`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        account: str = SAME_ACCOUNT,
        record: Path | None = None,
        environment: Mapping[str, str] | None = None,
        own_session: bool = False,
        directory: Path | None = None,
    ) -> None:
        """`own_session` keeps a terminal's signals from the program, so that Ctrl-C reaches only this process."""
        self.log = log
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                launcher(command, record=record, stop_signal=stop_signal, account=account, directory=directory),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=own_session,
            )
        self.pid = self._process.pid

    @property
    def exit_status(self) -> int | None:
        """As subprocess has it: None while it runs, negative for a signal."""
        return self._process.poll()

    async def stop(self, patience: float = 10.0) -> None:
        """Ask it to end, wait `patience` seconds, then kill it. Does nothing when it has ended."""
        if self.exit_status is None:
            self._process.send_signal(self._stop_signal)
            with contextlib.suppress(TimeoutError):
                await until(lambda: self.exit_status is not None, patience)
        self.kill()

    def kill(self) -> None:
        """End it with SIGKILL and reap it."""
        if self.exit_status is None:
            self._process.kill()
        self._process.wait()

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], name: str, seconds: float) -> None:
        """Poll `ready`; raises EmbeddedError with the end of the log when the program ends first or `seconds` pass."""

        async def ready_or_ended() -> bool:
            return self.exit_status is not None or await ready()

        try:
            await until(ready_or_ended, seconds)
        except TimeoutError:
            raise EmbeddedError(f"{name} is not ready after {seconds:.0f} s:\n{tail(self.log)}") from None
        if self.exit_status is not None:
            raise EmbeddedError(f"{name} ended with status {self.exit_status}:\n{tail(self.log)}")


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float | None, every: float = POLL_SECONDS
) -> None:
    """Poll `condition` until it holds; raises TimeoutError after `seconds`, where there is a limit.

    The first polls are `every` seconds apart and later ones up to 0.1 s, so that they cost little.
    """
    async with asyncio.timeout(seconds):
        while True:
            outcome = condition()
            if outcome if isinstance(outcome, bool) else await outcome:
                return
            await asyncio.sleep(every)
            every = max(every, min(every * 1.2, LONGEST_POLL_SECONDS))


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last `lines` lines of a log, indented for a message; its name where there is nothing in it."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 256 * lines))
        text = file.read().decode(errors="replace").strip()
        if text:
            return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])
    return f"  (nothing in {log})"

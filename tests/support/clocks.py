"""A stack whose wall clock a test can set, by a library that is preloaded into all dynamically linked programs.

These are the services and PostgreSQL. NATS is statically linked and keeps the machine's time, so the two differ
after a jump, as on two machines of which one lost its time server. Monotonic clocks don't jump, as in a real step.
The library is compiled from `settable_clock.c`, because with libfaketime 0.9.10 `time.sleep` of Python fails.
"""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_SOURCE = Path(__file__).with_name("settable_clock.c")


@contextmanager
def settable_clock() -> Iterator["Clock"]:
    """Build the library; skip the test if there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine, for the library that sets a process's clock")
    with TemporaryDirectory(prefix="ecp-clock-") as directory:
        # PostgreSQL runs as another user, and has to load and read the files too.
        Path(directory).chmod(0o755)
        clock = Clock(Path(directory, "clock.so"), Path(directory, "offset"))
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", clock.library, _SOURCE], check=True)
        clock.file.write_bytes(struct.pack("q", 0))
        yield clock


@dataclass(frozen=True)
class Clock:
    """The environment variables for the stack, and the mapped file with the current offset."""

    library: Path
    file: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "CLOCK_OFFSET_FILE": str(self.file)}

    def set(self, seconds: int) -> None:
        """Set the offset to the machine's time, in seconds."""
        with self.file.open("r+b") as mapped:
            mapped.write(struct.pack("q", seconds))

"""A stack whose wall clock a test can set: a library in front of the C library of all dynamically linked programs.

Those are the services and PostgreSQL. NATS is a static program and keeps the machine's time, so that the two differ
after a jump, as on machines of which one lost its time server. Monotonic clocks are left alone, as by a real step.
It is compiled from `settable_clock.c`: libfaketime 0.9.10, which can do the same, makes `time.sleep` of Python fail.
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
    """Skips the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine, for the library that sets a process's clock")
    with TemporaryDirectory(prefix="ecp-clock-") as directory:
        # PostgreSQL, which has an account of its own, loads and reads them too.
        Path(directory).chmod(0o755)
        clock = Clock(Path(directory, "clock.so"), Path(directory, "offset"))
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", clock.library, _SOURCE], check=True)
        clock.file.write_bytes(struct.pack("q", 0))
        yield clock


@dataclass(frozen=True)
class Clock:
    """What the stack's environment needs, and the mapped file that has the present offset."""

    library: Path
    file: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "CLOCK_OFFSET_FILE": str(self.file)}

    def set(self, seconds: int) -> None:
        """The offset to the machine's time from now on, in seconds."""
        with self.file.open("r+b") as mapped:
            mapped.write(struct.pack("q", seconds))

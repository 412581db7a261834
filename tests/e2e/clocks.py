"""A stack whose clock a test can set: libfaketime in front of the C library of all its dynamically linked programs.

Those are the services and PostgreSQL. NATS is a static program and keeps the machine's time, so that the two differ
after a jump, as on machines of which one lost its time server. Monotonic clocks are left alone, as by a real step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_PLACES = ("usr/lib/*/faketime/libfaketimeMT.so.1", "usr/lib64/faketime/libfaketimeMT.so.1")


@contextmanager
def settable_clock() -> Iterator["Clock"]:
    """Skips the test where there is no libfaketime (Debian: `apt-get install libfaketime`)."""
    found = [path for place in _PLACES for path in Path("/").glob(place)]
    if not found:
        pytest.skip("no libfaketime on this machine, by which a process's clock can be set")
    with TemporaryDirectory(prefix="ecp-clock-") as directory:
        # PostgreSQL, which has an account of its own, reads it too.
        Path(directory).chmod(0o755)
        clock = Clock(found[0], Path(directory, "offset"))
        clock.set(0)
        yield clock


@dataclass(frozen=True)
class Clock:
    """What the stack's environment needs, and the file that has the present offset."""

    library: Path
    file: Path

    @property
    def variables(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
        }

    def set(self, seconds: int) -> None:
        """The offset to the machine's time from now on, in seconds."""
        self.file.write_text(f"{seconds:+}\n", encoding="utf-8")

"""The data directory: what lies where, who may use it, and that only one run does."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from embedded.errors import AlreadyRunning, EmbeddedError

MARKER = ".ecp-data"
MARKER_TEXT = "Data of the ECP-AI orchestrator's embedded stack. `make clean` removes this directory.\n"
# A Unix socket's path has at most 108 bytes on Linux, 104 on macOS, and supervisord appends its pid while it binds.
SOCKET_PATH_BYTES = 90


def write_private(file: Path, text: str) -> None:
    """Write a file that holds passwords: only its owner may read it, whatever the permissions of the directory."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Everything that the stack keeps, below one directory."""

    root: Path

    @classmethod
    def prepare(cls, root: Path) -> Self:
        """Make the directory. Raises EmbeddedError for one that holds something else: `clean` removes it as a whole."""
        try:
            # Others have no business here: passwords lie in it.
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            marker = root / MARKER
            if not marker.exists() and any(root.iterdir()):
                raise EmbeddedError(f"{root} holds other files; choose an empty or a new directory with ECP_DATA_DIR")
            marker.write_text(MARKER_TEXT, encoding="utf-8")
            directory = cls(root)
            for path in (directory.run, directory.logs, directory.databases):
                path.mkdir(exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"{root} can't be used: {error}; choose another with ECP_DATA_DIR") from error
        return directory

    @property
    def run(self) -> Path:
        """What belongs to the present run: configurations, records of processes, the lock."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def databases(self) -> Path:
        return self.root / "postgres"

    @property
    def jetstream(self) -> Path:
        return self.root / "nats"

    @property
    def bus_passwords(self) -> Path:
        """The passwords of the accounts on the bus."""
        return self.root / "bus-passwords.json"

    @property
    def bus_roles(self) -> Path:
        """The role and the tenants of other systems on the bus; without an entry, a system may do everything."""
        return self.root / "bus-roles.json"

    @property
    def database_passwords(self) -> Path:
        """The passwords of the databases' roles."""
        return self.root / "database-passwords.json"

    @property
    def addresses(self) -> Path:
        """Where the present run, or the last one, is reached, with the logins of other systems."""
        return self.run / "addresses.json"

    @property
    def supervisor_socket(self) -> Path:
        """The socket of supervisord; below the temporary directory where the path would be too long for one."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        directory = Path(tempfile.gettempdir(), f"ecp-{os.getuid()}-{digest}")
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid != os.getuid():
            raise EmbeddedError(f"{directory} belongs to another user; choose a shorter path with ECP_DATA_DIR")
        return directory / path.name

    def record(self, program: str) -> Path:
        """The file with the process id of `program`."""
        return self.run / f"{program}.process"

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def remove(self) -> None:
        """Remove everything. Raises EmbeddedError for a directory that isn't one of these."""
        if not self.root.exists():
            return
        if not (self.root / MARKER).exists():
            raise EmbeddedError(f"{self.root} is no data directory of this program, so it is left alone")
        shutil.rmtree(self.root)


class RunLock:
    """Held by the one run that uses a data directory; the kernel releases it whatever ends the run."""

    def __init__(self, directory: DataDirectory) -> None:
        self._path = directory.run / "lock"
        self._file = self._path.open("a+", encoding="utf-8")

    @contextlib.contextmanager
    def held(self, **about: Any) -> Iterator[Self]:
        """Hold the lock, and store `about` for the message of a second run. Raises AlreadyRunning."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(self._read()) from None
        try:
            self.describe(**about)
            yield self
        finally:
            self.describe()
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def describe(self, **about: Any) -> None:
        """Replace what the holder has stored about itself."""
        self._file.seek(0)
        self._file.truncate()
        json.dump(about, self._file)
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _read(self) -> dict[str, Any]:
        self._file.seek(0)
        try:
            about: dict[str, Any] = json.load(self._file)
        except json.JSONDecodeError:
            return {}
        return about

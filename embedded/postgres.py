"""PostgreSQL servers: the command line, whether one is ready, and a server for tests."""

import asyncio
import contextlib
import signal
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from embedded.account import account_for
from embedded.child import Child
from embedded.errors import EmbeddedError
from embedded.ports import free_ports
from embedded.postgres_cluster import TEST_LOGIN, Login, binary, make_cluster

READY_SECONDS = 60.0
# SIGINT is PostgreSQL's fast stop: it rolls back what is open; SIGTERM would wait for every client to leave.
STOP_SIGNAL = signal.SIGINT
PORT_ATTEMPTS = 3
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


def server_command(data: Path, port: int, *, durable: bool = True) -> list[str]:
    """The command line of a small server on 127.0.0.1.

    Without `durable` nothing is synced: what was committed survives the server's end, but not the machine's.
    """
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        # No socket file: its path would have a limit of 108 bytes.
        "unix_socket_directories": "",
        "shared_buffers": "32MB",
        "max_connections": "100",
        "max_wal_size": "256MB",
        # Three worker processes less for each server; they pay on disks slower than a development machine's.
        "io_method": "sync",
        "jit": "off",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "wal_level": "minimal",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    return [str(binary("postgres")), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]


async def is_ready(login: Login, port: int) -> bool:
    """Whether the server at `port` lets `login` in."""
    try:
        connection = await asyncpg.connect(login.url(port), timeout=2.0)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


async def lives(port: int) -> bool:
    """Whether a server at `port` reacts at all, even while it starts, is full or refuses the login.

    It is asked whether it speaks TLS, which needs no login and leaves no line in its log.
    """
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(_SSL_REQUEST)
        return await reader.read(1) in (b"S", b"N")
    except OSError:
        return False
    finally:
        writer.close()


def forget_stale_pid(data: Path) -> None:
    """Remove a `postmaster.pid` whose pid another program has got since.

    PostgreSQL itself forgets a pid that is free. One that is taken stops it for good, and in a container, where pids
    are few, the next start after a crash gives the same pid to something else.
    """
    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text(encoding="utf-8").split("\n", 1)[0])
        # The server's working directory is its data directory.
        is_server = Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except (OSError, ValueError):
        return
    if not is_server:
        path.unlink()


class PostgresServer:
    """A PostgreSQL of one's own, below `directory`. It keeps its port and its data over `stop`, `kill` and `start`.

    It does without syncing, because what a test leaves behind is thrown away.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._data = directory / "data"
        self._account = account_for(binary("postgres"))
        self._child: Child | None = None
        self.port = 0

    def url(
        self, database: str = TEST_LOGIN.database, user: str = TEST_LOGIN.user, password: str = TEST_LOGIN.password
    ) -> str:
        return Login(database, user, password).url(self.port)

    async def create_database(self, database: str, *, user: str | None = None, password: str = "") -> str:
        """Make a database, and the user who owns it where one is named; its URL."""
        connection = await asyncpg.connect(self.url())
        try:
            if user is not None and not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", user):
                await connection.execute(f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'")
            await connection.execute(f'CREATE DATABASE "{database}" OWNER "{user or TEST_LOGIN.user}"')
        finally:
            await connection.close()
        return self.url(database, user, password) if user is not None else self.url(database)

    async def start(self) -> None:
        """Make the cluster where there is none, start the server and wait for it. Raises EmbeddedError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            await make_cluster(self._data, TEST_LOGIN, self._account, durable=False)
        # Free ports are looked for and then used: another program may take one in between.
        *others, last = [self.port] if self.port else free_ports(PORT_ATTEMPTS)
        for port in others:
            with contextlib.suppress(EmbeddedError):
                return await self._start_at(port)
        return await self._start_at(last)

    async def _start_at(self, port: int) -> None:
        self._child = Child(
            server_command(self._data, port, durable=False),
            self._directory / "postgres.log",
            stop_signal=STOP_SIGNAL,
            account=self._account,
        )
        await self._child.until_ready(lambda: is_ready(TEST_LOGIN, port), "PostgreSQL", READY_SECONDS)
        self.port = port

    @property
    def pid(self) -> int:
        """The server's process; 0 before the first start."""
        return self._child.pid if self._child is not None else 0

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop()

    def kill(self) -> None:
        """End it with SIGKILL, as an outage does."""
        if self._child is not None:
            self._child.kill()


@asynccontextmanager
async def running_postgres(directory: Path) -> AsyncIterator[PostgresServer]:
    """A server on a free port with its files below `directory`, which is emptied of its data afterwards.

    In the background, because each database has 600 files: some disks need ten seconds for those of a test run.
    """
    server = PostgresServer(directory)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        subprocess.run(["sh", "-c", 'rm -rf "$0" &', directory / "data"], check=False)  # noqa: ASYNC221 - takes 5 ms

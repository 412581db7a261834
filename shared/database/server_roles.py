"""`python -m shared.database roles`: the roles of servers in containers, before the migration and at each start.

The official image makes POSTGRES_USER a superuser. This connects by the server's socket, where the image trusts
every client, so that the superuser needs no password: it gets one that is not stored. Volumes of the first version,
whose superuser was the owner's login, go over in the same way.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import asyncpg
import structlog
from pydantic import Field

from shared.errors import DependencyUnavailable
from shared.roles import DATABASES, SIMULATOR, SUPERUSER, Roles, ownership_sql, roles_sql
from shared.settings import EXAMPLE_PASSWORDS, ServiceSettings

_log = structlog.get_logger(__name__)
_CONNECT_SECONDS = 10.0


class RolesSettings(ServiceSettings):
    """The URLs of all logins: a role has the name and the password that its URL has."""

    database_url: str = Field(repr=False)
    """The owner of production's database."""
    demo_database_url: str = Field(repr=False)
    """The owner of the demo mode's."""
    simulator_owner_database_url: str = Field(repr=False)
    """The owner of the simulator's."""
    gateway_database_url: str = Field(repr=False)
    """The gateway's login, production."""
    gateway_demo_database_url: str = Field(repr=False)
    """The gateway's login, demo mode."""
    monitor_database_url: str = Field(repr=False)
    """The monitor's login, production."""
    monitor_demo_database_url: str = Field(repr=False)
    """The monitor's login, demo mode."""
    simulator_database_url: str = Field(repr=False)
    """The simulator's login."""
    postgres_sockets: Path = Path("/sockets")
    """A folder that has, for each server of ours, one with its name and its socket in it."""


@dataclass(frozen=True, slots=True)
class RoleServer:
    """A server of ours: its socket's folder, its database, and the roles that it is to have."""

    socket: Path
    database: str
    roles: Roles


async def set_up_servers(settings: RolesSettings) -> None:
    """Give each server of ours its roles. Raises DependencyUnavailable for one that lets no superuser in."""
    found = list(servers(settings))
    for server in found:
        await _set_up(server)
    names = ", ".join(server.socket.name for server in found) or "no server"
    example = [name for name, url in _urls(settings).items() if urlsplit(url).password in EXAMPLE_PASSWORDS]
    warning = f" The example's password is in {', '.join(example)}: `make up` makes others." if example else ""
    log = _log.warning if example else _log.info
    log(f"Roles are set on {names}; the superuser has no password that is known.{warning}", action="set-up-roles")


def servers(settings: RolesSettings) -> Iterator[RoleServer]:
    """Those of which there is a socket. A URL that names another server is used as it is."""
    for owner_url, service_urls in (
        (settings.database_url, [settings.gateway_database_url, settings.monitor_database_url]),
        (settings.demo_database_url, [settings.gateway_demo_database_url, settings.monitor_demo_database_url]),
        (settings.simulator_owner_database_url, [settings.simulator_database_url]),
    ):
        owner = urlsplit(owner_url)
        socket = settings.postgres_sockets / (owner.hostname or "")
        if not owner.hostname or not socket.is_dir():
            continue
        services = dict(_login(urlsplit(url)) for url in service_urls)
        services.pop(owner.username or "", None)
        user, password = _login(owner)
        roles = Roles(user, password, secrets.token_urlsafe(32), services, frozenset({SIMULATOR}))
        yield RoleServer(socket, owner.path.removeprefix("/"), roles)


async def _set_up(server: RoleServer) -> None:
    async with _superuser(server, server.database) as connection:
        await connection.execute(roles_sql(server.roles))
        databases = [row[0] for row in await connection.fetch(DATABASES)]
    for database in databases:
        async with _superuser(server, database) as connection:
            await connection.execute(ownership_sql(server.roles.owner))


@contextlib.asynccontextmanager
async def _superuser(server: RoleServer, database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the superuser, who has the owner's name on a server of the first version."""
    connection = None
    reason = "it has no superuser"
    for user in (SUPERUSER, server.roles.owner):
        try:
            connection = await asyncpg.connect(
                host=str(server.socket),
                port=5432,
                user=user,
                database=database,
                timeout=_CONNECT_SECONDS,
                # The owner may have set another one on the database, and tables and functions of PostgreSQL's names.
                server_settings={"search_path": "pg_catalog, pg_temp"},
            )
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            reason = str(error)
            continue
        if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            break
        await connection.close()
        connection = None
    if connection is None:
        raise DependencyUnavailable(f"PostgreSQL ({server.socket.name})", f"no superuser may log in: {reason}")
    try:
        yield connection
    finally:
        await connection.close()


def _login(url: SplitResult) -> tuple[str, str]:
    return unquote(url.username or ""), unquote(url.password or "")


def _urls(settings: RolesSettings) -> dict[str, str]:
    return {name.upper(): value for name, value in settings if isinstance(value, str) and "://" in value}

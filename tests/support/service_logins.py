"""Logins with a service's own role, which has only the permissions of `shared.database.grants`.

A test that runs a service as the owner of the database can't find missing permissions.
"""

from urllib.parse import urlsplit

import asyncpg

from embedded.postgres import PostgresServer
from shared.roles import GATEWAY, MONITOR

_PASSWORD = "secret"


async def make_roles(server: PostgresServer) -> None:
    """Create the services' roles, before the migration that grants their permissions."""
    connection = await asyncpg.connect(server.url())
    try:
        there = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in {GATEWAY, MONITOR} - there:
            await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{_PASSWORD}'")
    finally:
        await connection.close()


def logging_in(url: str, role: str) -> str:
    """The same database's URL for a service's role."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:{_PASSWORD}@{parts.hostname}:{parts.port}").geturl()

"""Databases with all tables, as copies of one that was migrated: a copy takes a fifth of a migration's CPU time.

The migration itself has tests of its own (tests/integration/test_database_upgrade.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from embedded.postgres import PostgresServer
from shared.database import Database, DatabaseSettings
from shared.database.upgrade import upgrade_one
from shared.subjects import Mode
from tests.support.service_logins import make_roles

OWNER = "owner"
"""The owner of every copy, with the rights of the login that production migrates with."""
_PASSWORD = "secret"
_TEMPLATE = "migrated"
_SETTINGS = """
SELECT unnest(setconfig) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
WHERE datname = $1 AND setrole = 0
"""


async def migrated_database(server: PostgresServer, name: str) -> str:
    """Create a database with all tables and the rights of the services' roles; the URL of its owner."""
    connection = await asyncpg.connect(server.url())
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _TEMPLATE):
            await _migrate(server, "to_migrate")
            await connection.execute(f"ALTER DATABASE to_migrate RENAME TO {_TEMPLATE}")
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {_TEMPLATE} OWNER "{OWNER}"')
        # Settings belong to a database's name, so the copy has none.
        for setting in await connection.fetch(_SETTINGS, _TEMPLATE):
            variable, _, value = setting[0].partition("=")
            await connection.execute(f"ALTER DATABASE \"{name}\" SET {variable} TO '{value}'")
    finally:
        await connection.close()
    return server.url(name, OWNER, _PASSWORD)


@asynccontextmanager
async def owners_database(server: PostgresServer) -> AsyncIterator[Database]:
    """A database of its own with all tables, and its owner's rights."""
    url = await migrated_database(server, f"owned_{uuid4().hex}")
    database = Database(Mode.PRODUCTION, DatabaseSettings(database_url=url), "test")
    try:
        yield database
    finally:
        await database.dispose()


async def _migrate(server: PostgresServer, name: str) -> None:
    await make_roles(server)
    url = await server.create_database(name, user=OWNER, password=_PASSWORD)
    database = Database(Mode.PRODUCTION, DatabaseSettings(database_url=url), "test")
    try:
        await upgrade_one(database)
    finally:
        await database.dispose()

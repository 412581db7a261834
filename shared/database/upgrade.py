"""Brings both databases to the latest revision, and makes the partitions of the coming months."""

import asyncio
from datetime import UTC, datetime

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from shared.database.audit_trail import keep
from shared.database.connection import Database, Databases
from shared.database.partitions import ensure_partitions
from shared.dependencies import Dependencies
from shared.subjects import Mode

_log = structlog.get_logger(__name__)
_LOCK = 0x6563_7002
MIGRATIONS = "shared.database:migrations"


_ONE_AT_A_TIME = asyncio.Lock()
"""Within this process: Alembic keeps what it is at in global variables. Between processes the database has a lock."""


async def upgrade(databases: Databases) -> None:
    """Wait for both databases, then upgrade them. Idempotent, and safe when two run at once."""
    dependencies = Dependencies()
    for mode in Mode:
        dependencies.add(databases[mode].name, databases[mode].answers)
    await dependencies.wait()
    for mode in Mode:
        await upgrade_one(databases[mode])


async def upgrade_one(database: Database) -> None:
    """The same for one database that is there. Either all of it happens or nothing."""
    async with _ONE_AT_A_TIME, database.begin() as connection:
        # A second process waits for the end of this transaction, and then has nothing left to do.
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(_migrate)
        await ensure_partitions(connection, datetime.now(UTC).date())
        await keep(connection, database.audit_days)
    _log.info(f"{database.name} is up to date.", action="upgrade-database")


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration of our tree, on `connection`."""
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _migrate(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")

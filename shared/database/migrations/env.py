"""Alembic's entry: runs on the connection that `shared.database.upgrade` gives it, or on DATABASE_URL.

The second way is for Alembic's own commands (`python -m alembic upgrade head`, as the production guide's Job runs it).
"""

import asyncio

from alembic import context
from sqlalchemy import Connection

from shared.database import Databases
from shared.database.grants import grant
from shared.database.settings import DatabaseSettings
from shared.database.tables import metadata
from shared.settings import load
from shared.subjects import Mode


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
        grant(connection)


async def _run_on_database_url() -> None:
    databases = Databases(load(DatabaseSettings), "migration")
    try:
        async with databases[Mode.PRODUCTION].begin() as connection:
            await connection.run_sync(_run)
    finally:
        await databases.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    asyncio.run(_run_on_database_url())

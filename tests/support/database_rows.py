"""Removes what a test has stored in databases that it shares, so that others find them as they were."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import Database
from shared.database.tables import metadata

Key = tuple[Any, ...]
_LEFT_ALONE = (
    "alembic",
    "audit",
    "availability",
    "monitor",
    "outbox",
    "operation_durations",
    "stream",
    "tenant_gen",
    "receiver",
    "noti",
    "pending",
)
"""Beginnings of tables that are only added to, that are deleted with their tenant, or that services go on reading."""


@asynccontextmanager
async def left_as_found(*databases: Database) -> AsyncIterator[None]:
    """Delete the rows that are added meanwhile; those that were there stay."""
    before = [await _keys_of(database) for database in databases]
    yield
    for database, there in zip(databases, before, strict=True):
        async with database.begin() as connection:
            for table in _tables():
                await _remove(connection, table, there[table.name])


def _tables() -> list[Table]:
    """Those that refer to others come first."""
    found = reversed(metadata.sorted_tables)
    return [each for each in found if len(each.primary_key) and not each.name.startswith(_LEFT_ALONE)]


async def _keys_of(database: Database) -> Mapping[str, set[Key]]:
    async with database.begin() as connection:
        return {table.name: await _keys(connection, table) for table in _tables()}


async def _keys(connection: AsyncConnection, table: Table) -> set[Key]:
    return {tuple(row) for row in await connection.execute(select(*table.primary_key))}


async def _remove(connection: AsyncConnection, table: Table, there: set[Key]) -> None:
    if added := await _keys(connection, table) - there:
        await connection.execute(delete(table).where(tuple_(*table.primary_key).in_(added)))

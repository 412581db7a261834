"""PostgreSQL: one database for each mode, through SQLAlchemy Core on asyncpg.

    databases = Databases(settings, "gateway")              connects when it is first used
    async with databases[mode].begin() as connection: ...   one transaction
    row = await databases[mode].fetch_row(sql, *values)     one statement of a flood of events, past SQLAlchemy
    async with databases[mode].session() as session: ...    an asyncpg connection of its own: LISTEN, advisory locks

What means "PostgreSQL is away" leaves here as `DependencyUnavailable`; tables are in `shared.database.tables`, and
`python -m shared.database upgrade` makes them.
"""

from shared.database.connection import Database, Databases
from shared.database.partitions import drop_partition, ensure_partitions
from shared.database.settings import DatabaseSettings

__all__ = ["Database", "DatabaseSettings", "Databases", "drop_partition", "ensure_partitions"]

"""The monthly partitions of `monitoring_data`. Times outside of them can't be stored: there is no default partition.

None, because a default partition that holds a row of a month would refuse that month's own partition, which the
guides' `CREATE TABLE ... PARTITION OF` makes.
"""

from collections.abc import Iterator
from datetime import date

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

_log = structlog.get_logger(__name__)
_LOCK = 0x6563_7001
_OVERLAPS = "42P17"
# With the owner's rights: the monitor's role owns no table.
_MAKE = text("SELECT make_monitoring_partition(:name, :first, :end)")
_DROP = text("SELECT drop_monitoring_partition(:name)")


async def ensure_partitions(connection: AsyncConnection, today: date, *, months: int = 3) -> None:
    """Make the partitions of `today`'s month and those after it, `months` in all (UTC), where they are missing.

    Safe when two run at once. A month that a partition of another cut covers already is left alone.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    for first, end in _months(today, months):
        name = f"monitoring_data_{first:%Y_%m}"
        if await connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is None:
            await _make(connection, name, first, end)


async def drop_partition(connection: AsyncConnection, name: str) -> bool:
    """Drop a partition in which no tenant has rows; whether it was dropped. A name that is none's is refused."""
    return bool(await connection.scalar(_DROP, {"name": name}))


async def _make(connection: AsyncConnection, name: str, first: date, end: date) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(_MAKE, {"name": name, "first": first, "end": end})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _OVERLAPS:
            raise
        _log.warning(f"{name} is not made: another partition covers a part of the month.", action="skip-partition")


def _months(today: date, count: int) -> Iterator[tuple[date, date]]:
    """The first day of each month, and that of the month after it."""
    first = today.replace(day=1)
    for _ in range(count):
        end = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield first, end
        first = end

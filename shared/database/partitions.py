"""The monthly partitions of `monitoring_data`. Times outside of them can't be stored: there is no default partition.

Those that we make have names of their own, `monitoring_data_auto_2031_07`. A partition with another name is the
customer's, made by the guides' statement for example: it is neither emptied of what others wrote nor dropped.

None, because a default partition that holds a row of a month would refuse that month's own partition, which the
guides' `CREATE TABLE ... PARTITION OF` makes.
"""

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

_log = structlog.get_logger(__name__)
LOCK = 0x6563_7001
"""The advisory lock of transactions that make partitions: making one waits for the table, and others wait behind it."""
_OVERLAPS = "42P17"
# With the owner's rights: the monitor's role owns no table.
_MAKE = text("SELECT make_monitoring_partition(:name, :first, :end)")
_DROP = text("SELECT drop_monitoring_partition(:name)")
# Times that no partition has and no partition of ours can be made for, since one has a part of their day (UTC).
_HOMELESS = text(r"""
    WITH bounds AS (
        SELECT coalesce(CAST(substring(bound FROM 'FROM \(''([^'']*)''\)') AS timestamptz), '-infinity') AS first,
               coalesce(CAST(substring(bound FROM 'TO \(''([^'']*)''\)') AS timestamptz), 'infinity') AS last
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid,
             pg_get_expr(child.relpartbound, child.oid) AS bound
        WHERE inhparent = 'monitoring_data'::regclass
    )
    SELECT time FROM unnest(CAST(:times AS timestamptz[])) AS time,
         LATERAL (SELECT date_trunc('day', time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS day) AS begin
    WHERE NOT EXISTS (SELECT FROM bounds WHERE first <= time AND time < last)
        AND EXISTS (SELECT FROM bounds WHERE first < day + interval '24 hours' AND last > day)
""")
_PREFIX = "monitoring_data_auto_"
_OURS = re.compile(rf"{_PREFIX}(\d{{4}})_(\d{{2}})(?:_(\d{{2}}))?")


async def ensure_partitions(connection: AsyncConnection, today: date, *, months: int = 3) -> None:
    """Make the partitions of `today`'s month and those after it, `months` in all (UTC), where they are missing.

    Safe when two run at once. A month that a partition of another cut covers already is left alone.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    for first, end in _months(today, months):
        name = f"{_PREFIX}{first:%Y_%m}"
        # The guides' name, which the versions before gave to all of them.
        if not await _is_there(connection, name, f"monitoring_data_{first:%Y_%m}"):
            await _make(connection, name, first, end)


async def drop_partition(connection: AsyncConnection, name: str) -> bool:
    """Drop a partition in which no tenant has rows; whether it was dropped. A name that is none's is refused."""
    return bool(await connection.scalar(_DROP, {"name": name}))


async def ensure_day(connection: AsyncConnection, day: date) -> None:
    """Make a partition of one day (UTC), in a month of which another partition has taken a part."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    name = f"{_PREFIX}{day:%Y_%m_%d}"
    if not await _is_there(connection, name):
        await _make(connection, name, day, day + timedelta(days=1))


async def homeless(connection: AsyncConnection, times: Collection[datetime]) -> set[datetime]:
    """Those of `times` (aware) that can't be stored: another's partition ends or begins within their day."""
    found = await connection.execute(_HOMELESS, {"times": list(times)})
    return set(found.scalars())


def last_day(name: str) -> date | None:
    """The last day of a partition that we made; None for another one."""
    found = _OURS.fullmatch(name)
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2]), found[3]
    if day:
        return date(year, month, int(day))
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


async def _is_there(connection: AsyncConnection, *names: str) -> bool:
    found = [await connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) for name in names]
    return any(each is not None for each in found)


async def _make(connection: AsyncConnection, name: str, first: date, end: date) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(_MAKE, {"name": name, "first": first, "end": end})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _OVERLAPS:
            raise
        _log.warning(f"{name} is not made: another partition covers a part of it.", action="skip-partition")


def _months(today: date, count: int) -> Iterator[tuple[date, date]]:
    """The first day of each month, and that of the month after it."""
    first = today.replace(day=1)
    for _ in range(count):
        end = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield first, end
        first = end

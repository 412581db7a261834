"""How far rolling up and removing samples have come: a row of `monitoring_progress` for each."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ROLLUPS, PURGE = "rollups", "purge"
"""Names of rows."""
OVERLAP = 10_000
"""Ids are assigned before they are committed: a pass reads so many ids again, for writes that were still open."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_READ = text("SELECT position, rolled_until FROM monitoring_progress WHERE name = :name")
_LAST_ID = text("SELECT coalesce(max(id), 0) FROM monitoring_data")
_WRITE = text("""
    INSERT INTO monitoring_progress (name, position, rolled_until) VALUES (:name, :position, :until)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, rolled_until = excluded.rolled_until
""")


class Progress(NamedTuple):
    """All samples up to the id `position`, and all hours before `until`, are done."""

    position: int
    until: datetime


async def read_progress(connection: AsyncConnection, name: str) -> Progress:
    """The progress of a pass; the epoch before the first pass."""
    row = (await connection.execute(_READ, {"name": name})).one_or_none()
    return Progress(row.position, row.rolled_until) if row is not None else Progress(0, _EPOCH)


async def write_progress(connection: AsyncConnection, name: str, progress: Progress) -> None:
    """Store the progress of a pass."""
    await connection.execute(_WRITE, {"name": name, **progress._asdict()})


async def last_id(connection: AsyncConnection) -> int:
    """The highest id of a sample; 0 without samples."""
    return int(await connection.scalar(_LAST_ID) or 0)


def hour_of(time: datetime) -> datetime:
    """The full hour in which `time` lies."""
    return time.replace(minute=0, second=0, microsecond=0)

"""The gateway's outbox, and how much of it is unpublished."""

from typing import NamedTuple

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus.envelope import TENANT_ID
from shared.database.tables import outbox
from shared.outbox import Outbox

OUTBOX = Outbox(outbox, lock=0x6563_7010)


class OutboxBacklog(NamedTuple):
    """The number of unpublished events, and the age of the oldest in seconds."""

    events: int
    age: float


async def backlog(session: asyncpg.Connection) -> OutboxBacklog:
    """How many events are unpublished, and for how long."""
    row = await session.fetchrow(
        "SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age FROM outbox"
    )
    return OutboxBacklog(row["count"], float(row["age"])) if row else OutboxBacklog(0, 0.0)


async def unpublished_seconds(connection: AsyncConnection, tenant_id: str) -> float:
    """Age in seconds of a tenant's oldest unpublished event; 0 without one."""
    oldest = select(func.min(outbox.c.created_at)).where(outbox.c.headers[TENANT_ID].astext == tenant_id)
    since = func.extract("epoch", func.now() - oldest.scalar_subquery())
    return float(await connection.scalar(select(func.coalesce(since, 0))) or 0)

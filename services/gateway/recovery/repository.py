"""The requests that rows of `deployments` keep for republishing, and the last known position of each stream."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import stream_positions

_OPEN = "deployments.status IN ('pending', 'deploying')"
# A request in the outbox hasn't been published yet; rows that are older than the column have no request.
_SILENT = text(f"""
    SELECT deployment_id, operation, request, repeats, deployments.status
    FROM deployments JOIN tenants ON tenants.id = deployments.tenant_id
    WHERE request IS NOT NULL AND (
        ({_OPEN} AND repeat_at IS NULL AND deployments.updated_at < now() - make_interval(secs => :silence))
        OR repeat_at <= now()
    ) AND NOT EXISTS (SELECT FROM outbox WHERE headers ->> 'ce-subject' = tenants.tenant_id)
    ORDER BY repeat_at NULLS LAST, deployments.created_at LIMIT :most
    FOR UPDATE OF deployments SKIP LOCKED
""")  # noqa: S608 - only constants are put in
_LOST = text("""
    SELECT deployment_id, operation, request, repeats, status FROM deployments
    WHERE request IS NOT NULL AND repeat_at = '-infinity'
    ORDER BY created_at LIMIT :most
    FOR UPDATE SKIP LOCKED
""")
# The pause doubles: 1, 2, 4, ... up to 32 times the silence. The request of an ended deployment is repeated once.
_REPEATED = text(f"""
    UPDATE deployments SET repeats = repeats + 1,
        repeat_at = CASE WHEN {_OPEN} THEN now() + make_interval(secs => :silence * 2 ^ LEAST(repeats, 5)) END
    WHERE deployment_id = :deployment_id
""")  # noqa: S608 - only constants are put in
_MARK_LOST = text(f"""
    UPDATE deployments SET repeat_at = '-infinity'
    FROM tenants
    WHERE tenants.id = deployments.tenant_id AND request IS NOT NULL AND (
        {_OPEN} OR (:finished AND deployments.generation = tenants.generation AND (
            deployments.status = 'completed' OR (deployments.status = 'rolled_back' AND operation = 'rollback')))
    )
    RETURNING deployment_id
""")  # noqa: S608 - only constants are put in
_CLEAR_OLD = text(f"""
    UPDATE deployments SET request = NULL, repeat_at = NULL
    FROM tenants
    WHERE tenants.id = deployments.tenant_id AND request IS NOT NULL
        AND NOT {_OPEN} AND deployments.generation < tenants.generation
""")  # noqa: S608 - only constants are put in
_POSITION = text("SELECT created, last_seq FROM stream_positions WHERE name = :name FOR UPDATE")


class StreamPosition(NamedTuple):
    """When a stream was created, and the sequence of its last message."""

    created: datetime
    last_seq: int


async def lock_silent_requests(connection: AsyncConnection, *, silence: float, most: int) -> Sequence[Row[Any]]:
    """At most `most` requests of unfinished deployments without an event for `silence` seconds, and of lost ones."""
    return (await connection.execute(_SILENT, {"silence": silence, "most": most})).all()


async def lock_lost_requests(connection: AsyncConnection, *, most: int) -> Sequence[Row[Any]]:
    """At most `most` requests that `mark_lost` has marked."""
    return (await connection.execute(_LOST, {"most": most})).all()


async def mark_repeated(connection: AsyncConnection, deployment_id: str, *, silence: float) -> None:
    """Count a repetition, and schedule the next one; the pause doubles each time."""
    await connection.execute(_REPEATED, {"deployment_id": deployment_id, "silence": silence})


async def mark_lost(connection: AsyncConnection, *, finished: bool) -> int:
    """Make the requests of all unfinished deployments due at once; returns how many.

    With `finished` also the one that each tenant's present state comes from.
    """
    return len((await connection.execute(_MARK_LOST, {"finished": finished})).all())


async def clear_old_requests(connection: AsyncConnection) -> None:
    """Clear the requests of ended deployments that were followed by another operation."""
    await connection.execute(_CLEAR_OLD)


async def lock_position(connection: AsyncConnection, name: str) -> StreamPosition | None:
    """The last known position of a stream. Waits for a replica that is checking the same stream."""
    row = (await connection.execute(_POSITION, {"name": name})).one_or_none()
    return StreamPosition(row.created, row.last_seq) if row is not None else None


async def store_position(connection: AsyncConnection, name: str, position: StreamPosition) -> None:
    """Store the present position of a stream."""
    values: Mapping[str, Any] = {"name": name, **position._asdict()}
    statement = upsert(stream_positions).values(values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=position._asdict()))

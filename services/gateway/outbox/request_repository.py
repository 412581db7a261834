"""Requests that the rows of `deployments` keep, to be published again, and where the streams were last seen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import stream_positions

_OPEN = "deployments.status IN ('pending', 'deploying')"
# A request that waits in the outbox hasn't been published even once; one in a row of before has none to publish.
_DUE = text(f"""
    SELECT deployment_id, operation, request, repeats
    FROM deployments JOIN tenants ON tenants.id = deployments.tenant_id
    WHERE request IS NOT NULL AND (
        ({_OPEN} AND repeat_at IS NULL AND deployments.updated_at < now() - make_interval(secs => :silence))
        OR repeat_at <= now()
    ) AND NOT EXISTS (SELECT FROM outbox WHERE headers ->> 'ce-subject' = tenants.tenant_id)
    ORDER BY repeat_at NULLS LAST, deployments.created_at LIMIT :most
    FOR UPDATE OF deployments SKIP LOCKED
""")  # noqa: S608 - only constants are put in
_AT_ONCE = text("""
    SELECT deployment_id, operation, request, repeats FROM deployments
    WHERE request IS NOT NULL AND repeat_at = '-infinity'
    ORDER BY created_at LIMIT :most
    FOR UPDATE SKIP LOCKED
""")
# The pause doubles: 1, 2, 4, ... up to 32 times the silence. What has ended was asked for once more, and that is all.
_REPEATED = text(f"""
    UPDATE deployments SET repeats = repeats + 1,
        repeat_at = CASE WHEN {_OPEN} THEN now() + make_interval(secs => :silence * 2 ^ LEAST(repeats, 5)) END
    WHERE deployment_id = :deployment_id
""")  # noqa: S608 - only constants are put in
_DUE_AT_ONCE = text(f"""
    UPDATE deployments SET repeat_at = '-infinity'
    FROM tenants
    WHERE tenants.id = deployments.tenant_id AND request IS NOT NULL AND (
        {_OPEN} OR (:finished AND deployments.generation = tenants.generation AND (
            deployments.status = 'completed' OR (deployments.status = 'rolled_back' AND operation = 'rollback')))
    )
    RETURNING deployment_id
""")  # noqa: S608 - only constants are put in
_FORGET = text(f"""
    UPDATE deployments SET request = NULL, repeat_at = NULL
    FROM tenants
    WHERE tenants.id = deployments.tenant_id AND request IS NOT NULL
        AND NOT {_OPEN} AND deployments.generation < tenants.generation
""")  # noqa: S608 - only constants are put in
_POSITION = text("SELECT created, last_seq FROM stream_positions WHERE name = :name FOR UPDATE")


class Position(NamedTuple):
    """Where a stream is: when it was made, and the number of its last message."""

    created: datetime
    last_seq: int


async def due(connection: AsyncConnection, *, silence: float, most: int) -> Sequence[Row[Any]]:
    """At most so many unfinished requests of which nothing was heard for `silence` seconds, and of a loss; locked."""
    return (await connection.execute(_DUE, {"silence": silence, "most": most})).all()


async def due_at_once(connection: AsyncConnection, *, most: int) -> Sequence[Row[Any]]:
    """At most so many of those that a loss was noticed for, locked."""
    return (await connection.execute(_AT_ONCE, {"most": most})).all()


async def mark_repeated(connection: AsyncConnection, deployment_id: str, *, silence: float) -> None:
    """Count that a request is published again; the next time is later each time."""
    await connection.execute(_REPEATED, {"deployment_id": deployment_id, "silence": silence})


async def mark_lost(connection: AsyncConnection, *, finished: bool) -> int:
    """Make all unfinished requests due at once, with `finished` also what each tenant is to be; how many."""
    return len((await connection.execute(_DUE_AT_ONCE, {"finished": finished})).all())


async def forget_requests(connection: AsyncConnection) -> None:
    """Remove what no loss can ask for again: ended, and followed by another operation."""
    await connection.execute(_FORGET)


async def lock_position(connection: AsyncConnection, name: str) -> Position | None:
    """Where the stream was last seen. While another copy of the gateway looks at it, this waits."""
    row = (await connection.execute(_POSITION, {"name": name})).one_or_none()
    return Position(row.created, row.last_seq) if row is not None else None


async def store_position(connection: AsyncConnection, name: str, position: Position) -> None:
    """Where the stream is now."""
    values: Mapping[str, Any] = {"name": name, **position._asdict()}
    statement = upsert(stream_positions).values(values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=position._asdict()))

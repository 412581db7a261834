"""Rows of `deployments` and `deployment_events`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from shared.database.tables import deployment_events, deployments, tenants
from shared.events.statuses import ENDED

_HISTORY = 1000
"""The number of earlier operations that a rollback can choose from."""

_WITH_TENANT = select(deployments, tenants.c.tenant_id.label("tenant_name"), tenants.c.preset, tenants.c.sizing).join(
    tenants, tenants.c.id == deployments.c.tenant_id
)

# Built once, because building a statement takes longer than sending it.
_INSERT = insert(deployments)
_FIND = _WITH_TENANT.where(deployments.c.deployment_id == bindparam("sought"))
_LOCK_TENANT = (
    select(tenants.c.id)
    .where(
        tenants.c.id
        == select(deployments.c.tenant_id).where(deployments.c.deployment_id == bindparam("sought")).scalar_subquery()
    )
    .with_for_update(key_share=True)
)
_STATE = (
    select(
        deployments.c.status,
        deployments.c.operation,
        deployments.c.created_at,
        deployments.c.progress,
        deployments.c.repeats,
        tenants.c.id.label("owner_id"),
        tenants.c.tenant_id.label("tenant_name"),
        tenants.c.preset,
    )
    .join(tenants, tenants.c.id == deployments.c.tenant_id)
    .where(deployments.c.deployment_id == bindparam("sought"))
)
_OWNER = select(tenants.c.id, tenants.c.tenant_id, tenants.c.sla, tenants.c.sizing).where(
    tenants.c.tenant_id == bindparam("sought")
)
_NEW_STATUS = bindparam("new_status", type_=tenants.c.status.type)
_FOLLOW = (
    update(tenants)
    .where(
        tenants.c.id
        == select(deployments.c.tenant_id)
        .join(tenants, tenants.c.id == deployments.c.tenant_id)
        .where(deployments.c.deployment_id == bindparam("sought"), deployments.c.generation == tenants.c.generation)
        .scalar_subquery()
    )
    .values(
        status=_NEW_STATUS,
        updated_at=case((tenants.c.status == _NEW_STATUS, tenants.c.updated_at), else_=func.now()),
    )
)
_TIME = deployments.c.last_time.type
_INSERT_EVENT = upsert(deployment_events).on_conflict_do_nothing()


async def insert_deployment(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Insert a row."""
    await connection.execute(_INSERT, dict(values))


async def find_deployment(connection: AsyncConnection, deployment_id: str) -> Row[Any] | None:
    """The deployment with its tenant's `tenant_name`, `preset` and `sizing`, or None."""
    return (await connection.execute(_FIND, {"sought": deployment_id})).one_or_none()


async def last_projected(connection: AsyncConnection) -> int:
    """The sequence of the latest message that was projected into rows; 0 without one."""
    latest = select(deployment_events.c.seq).order_by(deployment_events.c.time.desc()).limit(1)
    return int(await connection.scalar(latest) or 0)


async def lock_deployment(connection: AsyncConnection, deployment_id: str) -> Row[*tuple[Any, ...]] | None:
    """The deployment's state, with its tenant's row locked until the end of the transaction; None without it.

    Two statements, because a join would show the deployment as it was before the wait for the lock. Every transaction
    locks the tenant's row first, which excludes deadlocks.
    """
    await connection.execute(_LOCK_TENANT, {"sought": deployment_id})
    return (await connection.execute(_STATE, {"sought": deployment_id})).one_or_none()


async def find_owner(connection: AsyncConnection, tenant_id: str) -> Row[*tuple[Any, ...]] | None:
    """`id`, `tenant_id`, `sla` and `sizing` of a tenant, or None."""
    return (await connection.execute(_OWNER, {"sought": tenant_id})).one_or_none()


async def latest_deployment(connection: AsyncConnection, tenant_id: str) -> Row[Any] | None:
    """The tenant's latest operation."""
    query = _WITH_TENANT.where(tenants.c.tenant_id == tenant_id).order_by(deployments.c.generation.desc()).limit(1)
    return (await connection.execute(query)).one_or_none()


async def latest_deployment_id(connection: AsyncConnection, row_id: int) -> str | None:
    """The id of the tenant's latest operation. `row_id` is the tenant's."""
    query = (
        select(deployments.c.deployment_id)
        .where(deployments.c.tenant_id == row_id)
        .order_by(deployments.c.generation.desc())
        .limit(1)
    )
    found: str | None = await connection.scalar(query)
    return found


async def list_deployments(
    connection: AsyncConnection, row_id: int, *, skip: int, limit: int
) -> tuple[Sequence[Row[Any]], int]:
    """A page of a tenant's deployments, newest first, and how many there are."""
    mine = deployments.c.tenant_id == row_id
    page = _WITH_TENANT.where(mine).order_by(deployments.c.generation.desc()).offset(skip).limit(limit)
    total = await connection.scalar(select(func.count()).select_from(deployments).where(mine))
    return (await connection.execute(page)).all(), int(total or 0)


async def list_history(connection: AsyncConnection, row_id: int) -> Sequence[Row[Any]]:
    """The outcome of a tenant's latest operations, newest first."""
    columns = (
        deployments.c[name] for name in ("deployment_id", "operation", "generation", "revision", "status", "digest")
    )
    query = select(*columns).where(deployments.c.tenant_id == row_id).order_by(deployments.c.generation.desc())
    return (await connection.execute(query.limit(_HISTORY))).all()


async def find_before(connection: AsyncConnection, deployment: Row[Any]) -> Row[Any] | None:
    """The last deployment of the same tenant before `deployment` that had a manifest; None if there is none."""
    columns = deployments.c
    is_earlier = and_(columns.tenant_id == deployment.tenant_id, columns.generation < deployment.generation)
    query = _WITH_TENANT.where(is_earlier, columns.digest.is_not(None)).order_by(columns.generation.desc()).limit(1)
    return (await connection.execute(query)).one_or_none()


async def apply_end(
    connection: AsyncConnection, deployment_id: str, place: tuple[int, datetime], values: Mapping[str, Any]
) -> bool:
    """Apply the event at `place` (sequence and time), which ends the deployment; whether it changed the row.

    It does unless a later event has ended it. An event is later if it has a higher sequence or was stored later: a
    stream that lost its end reuses sequences. A later step doesn't count: events are projected concurrently.
    """
    seq, time = place
    new = {f"new_{name}": value for name, value in values.items()}
    statement = _end_statement(tuple(sorted(values)))
    found = await connection.execute(statement, {"sought": deployment_id, "seq": seq, "time": time, **new})
    return found.scalar_one_or_none() is not None


@cache
def _end_statement(names: tuple[str, ...]) -> ReturningUpdate[tuple[str]]:
    """The statement that sets the columns `names`. There are few of them."""
    columns, seq, time = deployments.c, bindparam("seq", type_=BigInteger()), bindparam("time", type_=_TIME)
    changes: dict[str, Any] = {name: bindparam(f"new_{name}", type_=columns[name].type) for name in names}
    if "progress" in changes:
        changes["progress"] = func.greatest(columns.progress, changes["progress"])
    is_later = or_(columns.last_seq < seq, columns.last_time < time)
    return (
        update(deployments)
        .where(columns.deployment_id == bindparam("sought"), or_(is_later, columns.status.not_in(ENDED)))
        .values(
            **changes,
            started_at=func.coalesce(columns.started_at, func.now()),
            finished_at=func.coalesce(columns.finished_at, func.now()),
            repeat_at=None,
            last_seq=case((is_later, seq), else_=columns.last_seq),
            last_time=func.greatest(columns.last_time, time),
            updated_at=func.now(),
        )
        .returning(columns.deployment_id)
    )


async def store_drift(connection: AsyncConnection, deployment_id: str, drift: Mapping[str, Any]) -> None:
    """Store a drift report, unless one with a higher `sequence` is stored."""
    known = deployments.c.drift["sequence"].as_string().cast(BigInteger)
    statement = (
        update(deployments)
        .where(deployments.c.deployment_id == deployment_id, func.coalesce(known, 0) < drift["sequence"])
        .values(drift=dict(drift))
    )
    await connection.execute(statement)


async def follow_deployment(connection: AsyncConnection, deployment_id: str, status: str) -> None:
    """Set the tenant's status, if the deployment is its latest operation."""
    await connection.execute(_FOLLOW, {"sought": deployment_id, "new_status": status})


async def insert_event(connection: AsyncConnection, values: Mapping[str, Any]) -> bool:
    """Add a line to a deployment's log, once for each event; False if it has the event."""
    return (await connection.execute(_INSERT_EVENT, dict(values))).rowcount > 0


async def list_events(
    connection: AsyncConnection, deployment_id: str, *, since: int = 0, limit: int
) -> Sequence[Row[Any]]:
    """The last `limit` events after the sequence `since`, in order."""
    query = (
        select(deployment_events)
        .where(deployment_events.c.deployment_id == deployment_id, deployment_events.c.seq > since)
        .order_by(deployment_events.c.time.desc(), deployment_events.c.seq.desc())
        .limit(limit)
    )
    return (await connection.execute(query)).all()[::-1]


async def digests(connection: AsyncConnection) -> set[str]:
    """The digests of all manifests that a deployment refers to. Reads the whole table."""
    query = select(deployments.c.digest).where(deployments.c.digest.is_not(None)).distinct()
    return set((await connection.scalars(query)).all())


async def delete_old_events(connection: AsyncConnection, days: int) -> None:
    """Delete log lines that are older than `days`."""
    age = text("now() - make_interval(days => :days)").bindparams(days=days)
    await connection.execute(delete(deployment_events).where(deployment_events.c.time < age))

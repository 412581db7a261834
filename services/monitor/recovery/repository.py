"""The recoveries of one mode's database. A tenant has at most one that is open."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.metric_names import AVAILABLE, KUBERNETES
from services.monitor.recovery.plan import OPEN, Health, Recovery, Stage
from shared.messages import Message, Sentence

_COLUMNS = """
    recoveries.recovery_id, tenants.tenant_id, recoveries.tenant_id AS row_id, stage, due_at, restarts, looks, asked_at,
    reason, reason_message, deployment_id, is_deploying
"""
_OPEN = text(f"""
    SELECT {_COLUMNS} FROM recoveries JOIN tenants ON tenants.id = recoveries.tenant_id
    WHERE ended_at IS NULL ORDER BY opened_at, recovery_id LIMIT 1000
""")  # noqa: S608 - only constants are put in
_LOCKED = text(f"""
    SELECT {_COLUMNS} FROM recoveries JOIN tenants ON tenants.id = recoveries.tenant_id
    WHERE recovery_id = :recovery_id AND ended_at IS NULL FOR UPDATE OF recoveries
""")  # noqa: S608 - only constants are put in
_OPEN_OF = text(f"""
    SELECT {_COLUMNS} FROM recoveries JOIN tenants ON tenants.id = recoveries.tenant_id
    WHERE recoveries.tenant_id = :row_id AND ended_at IS NULL FOR UPDATE OF recoveries
""")  # noqa: S608 - only constants are put in
_EARLIER = text("""
    SELECT restart FROM recoveries, unnest(restarts) AS restart
    WHERE tenant_id = :row_id AND recovery_id <> :recovery_id AND restart > :since
""")
_INSERT = text("""
    INSERT INTO recoveries (recovery_id, tenant_id, stage, due_at, restarts, looks, reason, reason_message, opened_at)
    VALUES (:recovery_id, :row_id, :stage, :due_at, '{}', 0, :reason, CAST(:reason_message AS jsonb), :at)
    ON CONFLICT DO NOTHING
""")
_UPDATE = text("""
    UPDATE recoveries SET stage = :stage, due_at = :due_at, restarts = :restarts, looks = :looks, asked_at = :asked_at,
        reason = :reason, reason_message = CAST(:reason_message AS jsonb), deployment_id = :deployment_id,
        is_deploying = :is_deploying, ended_at = CAST(:ended_at AS timestamptz)
    WHERE recovery_id = :recovery_id
""")
_STATES = text("SELECT alert_id, state FROM alerts WHERE alert_id = ANY(:ids)")
# Of the last operation on: a sample from before it is of what was restarted.
_HEALTH = text("""
    SELECT tenants.status, (
        SELECT metric_value FROM monitoring_data AS data
        WHERE data.tenant_id = tenants.id AND metric_name = :available AND data_source = :source
            AND timestamp > :since
        ORDER BY timestamp DESC LIMIT 1
    ) AS available
    FROM tenants WHERE id = :row_id
""")
_OLD = text("DELETE FROM recoveries WHERE ended_at < :before")
_ENDED = frozenset({"stopped", "deleting"})


class StoredRecovery(NamedTuple):
    """A recovery with its tenant."""

    recovery_id: str
    tenant_id: str
    row_id: int
    plan: Recovery
    deployment_id: str | None
    """Of its last restart."""
    is_deploying: bool
    """Whether that restart hadn't ended when the gateway was asked last."""


async def list_open(connection: AsyncConnection) -> Sequence[StoredRecovery]:
    """The open recoveries, the oldest first."""
    return [_stored(row) for row in await connection.execute(_OPEN)]


async def lock(connection: AsyncConnection, recovery_id: str) -> StoredRecovery | None:
    """An open recovery, locked until the transaction's end."""
    row = (await connection.execute(_LOCKED, {"recovery_id": recovery_id})).one_or_none()
    return None if row is None else _stored(row)


async def lock_open_of(connection: AsyncConnection, row_id: int) -> StoredRecovery | None:
    """The open recovery of a tenant, locked until the transaction's end."""
    row = (await connection.execute(_OPEN_OF, {"row_id": row_id})).one_or_none()
    return None if row is None else _stored(row)


async def earlier_restarts(
    connection: AsyncConnection, row_id: int, recovery_id: str, since: datetime
) -> Sequence[datetime]:
    """The restarts of a tenant's other recoveries after `since`."""
    values = {"row_id": row_id, "recovery_id": recovery_id, "since": since}
    return (await connection.execute(_EARLIER, values)).scalars().all()


async def insert(connection: AsyncConnection, row_id: int, recovery_id: str, plan: Recovery, at: datetime) -> bool:
    """Store a new recovery; False if this one is stored already, or the tenant has another open one."""
    values = {
        "recovery_id": recovery_id,
        "row_id": row_id,
        "stage": plan.stage.value,
        "due_at": plan.due_at,
        "at": at,
        **_reason_values(plan),
    }
    return bool((await connection.execute(_INSERT, values)).rowcount)


async def update(connection: AsyncConnection, stored: StoredRecovery, at: datetime) -> None:
    """Store a step; a recovery that isn't open any more ends at `at`."""
    plan = stored.plan
    values = {
        "recovery_id": stored.recovery_id,
        "stage": plan.stage.value,
        "due_at": plan.due_at,
        "restarts": list(plan.restarts),
        "looks": plan.looks,
        "asked_at": plan.asked_at,
        "deployment_id": stored.deployment_id,
        "is_deploying": stored.is_deploying,
        "ended_at": None if plan.stage in OPEN else at,
        **_reason_values(plan),
    }
    await connection.execute(_UPDATE, values)


async def alert_states(connection: AsyncConnection, alert_ids: Sequence[str]) -> Mapping[str, str]:
    """The states of those that are stored."""
    rows = await connection.execute(_STATES, {"ids": sorted(set(alert_ids))})
    return {row.alert_id: row.state for row in rows}


async def health(connection: AsyncConnection, stored: StoredRecovery, now: datetime, fresh: timedelta) -> Health:
    """A tenant's health by its last sample, which is not older than `fresh` and the last restart."""
    since = max((now - fresh, *stored.plan.restarts))
    values = {"row_id": stored.row_id, "available": AVAILABLE, "source": KUBERNETES, "since": since}
    row = (await connection.execute(_HEALTH, values)).one_or_none()
    if row is None or row.status in _ENDED:
        return Health.ENDED
    if row.available is None:
        return Health.UNKNOWN
    return Health.UP if row.available >= 1 else Health.DOWN


async def remove_ended(connection: AsyncConnection, before: datetime) -> None:
    """Remove recoveries that ended before `before`."""
    await connection.execute(_OLD, {"before": before})


def _reason_values(plan: Recovery) -> dict[str, Any]:
    reason = plan.reason
    return {
        "reason": reason.english if reason else None,
        "reason_message": reason.message.model_dump_json() if reason else None,
    }


def _stored(row: Row[Any]) -> StoredRecovery:
    reason = None
    if row.reason is not None:
        reason = Sentence(row.reason, Message.model_validate(row.reason_message))
    plan = Recovery(
        stage=Stage(row.stage),
        due_at=row.due_at,
        restarts=tuple(row.restarts),
        looks=row.looks,
        asked_at=row.asked_at,
        reason=reason,
    )
    return StoredRecovery(row.recovery_id, row.tenant_id, row.row_id, plan, row.deployment_id, row.is_deploying)

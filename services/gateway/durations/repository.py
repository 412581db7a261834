"""Rows of `operation_durations`."""

# ruff: noqa: S608 - the parts of the statements are constants

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.durations import CONSIDERED, Measured

_KEPT = 100
"""Of each target and operation."""
_LONGEST_DAYS = 7
"""What took longer, or ended before its request, was measured by two clocks that differ."""
# A deployment of a tenant that runs already is an update, which takes another time: pods are replaced step by step.
_KIND = """
    CASE WHEN done.operation = 'deploy' AND (
        SELECT earlier.operation FROM deployments AS earlier
        WHERE earlier.tenant_id = done.tenant_id AND earlier.generation < done.generation
            AND earlier.status IN ('completed', 'rolled_back')
        ORDER BY earlier.generation DESC LIMIT 1
    ) <> 'stop' THEN 'update' ELSE done.operation END
"""
_KIND_OF = text(f"SELECT {_KIND} FROM deployments AS done WHERE deployment_id = :deployment_id")
_RECORD = text(f"""
    INSERT INTO operation_durations (target, operation, pods, seconds, ended_at)
    SELECT done.target, {_KIND},
        (SELECT coalesce(sum(CAST(service ->> 'replicas' AS integer)), 0)
         FROM jsonb_array_elements(tenants.sizing -> 'services') AS service),
        extract(epoch FROM CAST(:ended AS timestamptz) - done.created_at), :ended
    FROM deployments AS done JOIN tenants ON tenants.id = done.tenant_id
    WHERE done.deployment_id = :deployment_id
        AND CAST(:ended AS timestamptz) - done.created_at BETWEEN interval '0' AND interval '{_LONGEST_DAYS} days'
    RETURNING id, target, operation
""")
_TRIM = text("""
    DELETE FROM operation_durations WHERE target = :target AND operation = :operation AND id <= (
        SELECT id FROM operation_durations WHERE target = :target AND operation = :operation
        ORDER BY id DESC OFFSET :kept LIMIT 1
    )
""")
_LATEST = text("""
    SELECT pods, seconds FROM operation_durations WHERE target = :target AND operation = :operation
    ORDER BY id DESC LIMIT :most
""")


async def record(connection: AsyncConnection, deployment_id: str, ended: datetime) -> None:
    """Record how long an operation took from its request to `ended`. Its rows must still be there."""
    recorded = (await connection.execute(_RECORD, {"deployment_id": deployment_id, "ended": ended})).one_or_none()
    if recorded is not None:
        of = {"target": recorded.target, "operation": recorded.operation}
        await connection.execute(_TRIM, {**of, "kept": _KEPT})


async def kind_of(connection: AsyncConnection, deployment_id: str) -> str:
    """The operation of a deployment; `update` for that of a tenant that ran before."""
    return str(await connection.scalar(_KIND_OF, {"deployment_id": deployment_id}))


async def latest(connection: AsyncConnection, target: str, operation: str) -> list[Measured]:
    """The last operations that count, newest first."""
    rows = await connection.execute(_LATEST, {"target": target, "operation": operation, "most": CONSIDERED})
    return [Measured(row.pods, row.seconds) for row in rows]

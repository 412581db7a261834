"""Reads what the dashboards show: counts of tenants and deployments, and means of the last measurements."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_TENANTS = text("""
    SELECT count(*) AS total, count(*) FILTER (WHERE status = 'running') AS active,
           sum((sla ->> 'observed_seconds')::float8) AS observed,
           sum((sla ->> 'downtime_seconds')::float8) AS down
    FROM tenants
""")
_PRESETS = text("SELECT preset, count(*) AS tenants FROM tenants GROUP BY preset ORDER BY preset")
_DEPLOYMENTS = text("""
    SELECT count(*) FILTER (WHERE status IN ('pending', 'deploying')) AS pending,
           count(*) FILTER (WHERE status = 'failed') AS failed
    FROM (SELECT DISTINCT ON (tenant_id) status FROM deployments ORDER BY tenant_id, generation DESC) AS latest
""")
_ENDED = text("""
    SELECT count(*) FILTER (WHERE status = 'completed') AS completed, count(*) AS ended
    FROM deployments
    WHERE status IN ('completed', 'failed', 'rolled_back') AND finished_at > now() - interval '24 hours'
""")
_RECENT = text("""
    SELECT deployment_id, tenants.tenant_id, operation, deployments.status, progress, message,
           deployments.created_at, finished_at
    FROM deployments JOIN tenants ON tenants.id = deployments.tenant_id
    WHERE deployments.created_at > now() - interval '24 hours'
    ORDER BY deployments.created_at DESC LIMIT 100
""")
# By tenant, because it is the first column of the index.
_MEANS = text("""
    SELECT found.metric_name AS name, avg(found.mean)::float8 AS mean
    FROM tenants, LATERAL (
        SELECT metric_name, avg(metric_value) AS mean FROM monitoring_data
        WHERE tenant_id = tenants.id AND metric_name = ANY(:names)
            AND timestamp > now() - make_interval(secs => :seconds)
        GROUP BY metric_name
    ) AS found
    GROUP BY 1
""")
_CONNECTIONS = text("SELECT sum(numbackends) FROM pg_stat_database WHERE datname = current_database()")
# `updated_at` is the latest time at which the present status can have begun.
_OBSERVED = text("""
    SELECT tenant_id, status, sla, sla_time, updated_at FROM tenants
    WHERE status <> 'deleting' AND generation > 0 AND (sla_time IS NOT NULL OR status = 'running')
    ORDER BY tenant_id
""")
_EXISTING = text("SELECT tenant_id FROM tenants WHERE tenant_id = ANY(:ids)")


async def observed_tenants(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """tenant_id, status, sla, sla_time, updated_at of deployed tenants that are running or have an SLA report."""
    return (await connection.execute(_OBSERVED)).all()


async def existing(connection: AsyncConnection, tenant_ids: Collection[str]) -> set[str]:
    """Those of `tenant_ids` that exist."""
    return set((await connection.execute(_EXISTING, {"ids": list(tenant_ids)})).scalars())


async def count_tenants(connection: AsyncConnection) -> Row[Any]:
    """The numbers `total` and `active`; the `observed` and `down` seconds of all tenants, NULL without a report."""
    return (await connection.execute(_TENANTS)).one()


async def count_presets(connection: AsyncConnection) -> dict[str, int]:
    """The number of tenants by preset."""
    return {row.preset: row.tenants for row in await connection.execute(_PRESETS)}


async def count_latest_deployments(connection: AsyncConnection) -> Row[Any]:
    """The numbers `pending` and `failed`, among the latest deployment of each tenant."""
    return (await connection.execute(_DEPLOYMENTS)).one()


async def count_ended_deployments(connection: AsyncConnection) -> Row[Any]:
    """The numbers `completed` and `ended`, of the last 24 hours."""
    return (await connection.execute(_ENDED)).one()


async def recent_deployments(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """The deployments of the last 24 hours, newest first."""
    return (await connection.execute(_RECENT)).all()


async def means(connection: AsyncConnection, names: Sequence[str], seconds: float) -> dict[str, float]:
    """The mean of each metric over the tenants, in the last `seconds`."""
    rows = await connection.execute(_MEANS, {"names": list(names), "seconds": seconds})
    return {row.name: round(row.mean, 2) for row in rows}


async def count_connections(connection: AsyncConnection) -> int:
    """Open connections to this database, of all clients."""
    return int(await connection.scalar(_CONNECTIONS) or 0)

"""Reads what the dashboards show: counts of tenants and deployments, and means of the last measurements.

Each function reads only the tenants with an id in `visible`, or all of them if it is None.
"""

# ruff: noqa: S608 - only constants are put in

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

Visible = list[str] | None
_IS_VISIBLE = "(CAST(:visible AS text[]) IS NULL OR tenants.tenant_id = ANY(CAST(:visible AS text[])))"
_TENANTS = text(f"""
    SELECT count(*) AS total, count(*) FILTER (WHERE status = 'running') AS active,
           sum((sla ->> 'observed_seconds')::float8) AS observed,
           sum((sla ->> 'downtime_seconds')::float8) AS down
    FROM tenants WHERE {_IS_VISIBLE}
""")
_PRESETS = text(f"SELECT preset, count(*) AS tenants FROM tenants WHERE {_IS_VISIBLE} GROUP BY preset ORDER BY preset")
_DEPLOYMENTS = text(f"""
    SELECT count(*) FILTER (WHERE status IN ('pending', 'deploying')) AS pending,
           count(*) FILTER (WHERE status = 'failed') AS failed
    FROM (
        SELECT DISTINCT ON (deployments.tenant_id) deployments.status
        FROM deployments JOIN tenants ON tenants.id = deployments.tenant_id WHERE {_IS_VISIBLE}
        ORDER BY deployments.tenant_id, deployments.generation DESC
    ) AS latest
""")
_ENDED = text(f"""
    SELECT count(*) FILTER (WHERE deployments.status = 'completed') AS completed, count(*) AS ended
    FROM deployments JOIN tenants ON tenants.id = deployments.tenant_id
    WHERE deployments.status IN ('completed', 'failed', 'rolled_back')
        AND finished_at > now() - interval '24 hours' AND {_IS_VISIBLE}
""")
_RECENT = text(f"""
    SELECT deployment_id, tenants.tenant_id, operation, deployments.status, progress, message,
           deployments.created_at, finished_at
    FROM deployments JOIN tenants ON tenants.id = deployments.tenant_id
    WHERE deployments.created_at > now() - interval '24 hours' AND {_IS_VISIBLE}
    ORDER BY deployments.created_at DESC LIMIT 100
""")
# By tenant, because it is the first column of the index.
_MEANS = text(f"""
    SELECT found.metric_name AS name, avg(found.mean)::float8 AS mean
    FROM tenants, LATERAL (
        SELECT metric_name, avg(metric_value) AS mean FROM monitoring_data
        WHERE tenant_id = tenants.id AND metric_name = ANY(:names)
            AND timestamp > now() - make_interval(secs => :seconds)
        GROUP BY metric_name
    ) AS found
    WHERE {_IS_VISIBLE}
    GROUP BY 1
""")
_CONNECTIONS = text("SELECT sum(numbackends) FROM pg_stat_database WHERE datname = current_database()")
_SIZED = text(f"SELECT sizing -> 'resources' FROM tenants WHERE status = 'running' AND {_IS_VISIBLE}")
_EXISTING = text("SELECT tenant_id FROM tenants WHERE tenant_id = ANY(:ids)")


async def existing(connection: AsyncConnection, tenant_ids: Collection[str]) -> set[str]:
    """Those of `tenant_ids` that exist."""
    return set((await connection.execute(_EXISTING, {"ids": list(tenant_ids)})).scalars())


async def count_tenants(connection: AsyncConnection, visible: Visible) -> Row[Any]:
    """The numbers `total` and `active`; the `observed` and `down` seconds of all tenants, NULL without a report."""
    return (await connection.execute(_TENANTS, {"visible": visible})).one()


async def count_presets(connection: AsyncConnection, visible: Visible) -> dict[str, int]:
    """The number of tenants by preset."""
    return {row.preset: row.tenants for row in await connection.execute(_PRESETS, {"visible": visible})}


async def count_latest_deployments(connection: AsyncConnection, visible: Visible) -> Row[Any]:
    """The numbers `pending` and `failed`, among the latest deployment of each tenant."""
    return (await connection.execute(_DEPLOYMENTS, {"visible": visible})).one()


async def count_ended_deployments(connection: AsyncConnection, visible: Visible) -> Row[Any]:
    """The numbers `completed` and `ended`, of the last 24 hours."""
    return (await connection.execute(_ENDED, {"visible": visible})).one()


async def recent_deployments(connection: AsyncConnection, visible: Visible) -> Sequence[Row[Any]]:
    """The deployments of the last 24 hours, newest first."""
    return (await connection.execute(_RECENT, {"visible": visible})).all()


async def means(
    connection: AsyncConnection, names: Sequence[str], seconds: float, visible: Visible
) -> dict[str, float]:
    """The mean of each metric over the tenants, in the last `seconds`."""
    rows = await connection.execute(_MEANS, {"names": list(names), "seconds": seconds, "visible": visible})
    return {row.name: round(row.mean, 2) for row in rows}


async def sized_resources(connection: AsyncConnection, visible: Visible) -> Sequence[Mapping[str, Any]]:
    """The resources of each running tenant, as sized: cpu, memory, gpu and storage in the documented form."""
    found = (await connection.execute(_SIZED, {"visible": visible})).scalars()
    return [each for each in found if isinstance(each, dict)]


async def count_connections(connection: AsyncConnection) -> int:
    """Open connections to this database, of all clients."""
    return int(await connection.scalar(_CONNECTIONS) or 0)

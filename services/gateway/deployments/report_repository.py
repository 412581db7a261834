"""Rows of `deployment_reports`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments.outcome import Report

_KEPT = 20
"""Reports of each deployment."""
# NULL is the deployment of reports on a tenant without one.
_OF = "tenant_id = :tenant AND deployment_id IS NOT DISTINCT FROM CAST(:deployment AS varchar)"
_INSERT = text("""
    INSERT INTO deployment_reports (tenant_id, deployment_id, status, deployed_at, received_at, correlation_id)
    VALUES (:tenant, :deployment, :status, :deployed_at, clock_timestamp(), :correlation_id)
""")
_TRIM = text(f"""
    DELETE FROM deployment_reports WHERE {_OF} AND id <= (
        SELECT id FROM deployment_reports WHERE {_OF} ORDER BY id DESC OFFSET {_KEPT} LIMIT 1
    )
""")  # noqa: S608 - constants
_LIST = text(f"""
    SELECT status, deployed_at, received_at FROM deployment_reports WHERE {_OF} ORDER BY id DESC LIMIT {_KEPT}
""")  # noqa: S608 - constants


async def insert_report(
    connection: AsyncConnection, row_id: int, deployment_id: str | None, values: Mapping[str, Any]
) -> None:
    """Add a report, and delete the oldest ones. `row_id` is the tenant's."""
    about = {"tenant": row_id, "deployment": deployment_id}
    await connection.execute(_INSERT, {**about, **values})
    await connection.execute(_TRIM, about)


async def list_reports(connection: AsyncConnection, row_id: int, deployment_id: str | None) -> list[Report]:
    """The reports on a deployment, or on a tenant without one, newest first."""
    rows = await connection.execute(_LIST, {"tenant": row_id, "deployment": deployment_id})
    return [Report(*row) for row in rows]

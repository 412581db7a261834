"""Rows of `tenants`, `services` and `tenant_generations`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, insert, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.tenants.row import TenantRow
from shared.database import Database
from shared.database.tables import services, tenant_generations, tenants


@dataclass(frozen=True, slots=True)
class TenantPage:
    """A page of tenants, each with the number of its services, and the totals of all pages."""

    rows: Sequence[tuple[TenantRow, int]]
    total: int
    active: int


# The documented table allows NULL in these columns.
_COLUMNS = (
    *(
        column
        for column in tenants.c
        if column.name not in {"is_demo", "status", "created_at", "updated_at", "sla_time"}
    ),
    func.coalesce(tenants.c.status, "pending").label("status"),
    func.coalesce(tenants.c.created_at, func.now()).label("created_at"),
    func.coalesce(tenants.c.updated_at, tenants.c.created_at, func.now()).label("updated_at"),
)

# Built once, because building a statement takes longer than sending it.
_FIND = select(*_COLUMNS).where(tenants.c.tenant_id == bindparam("sought"))
_FIND_AND_LOCK = _FIND.with_for_update(key_share=True)
_NEXT_GENERATION = (
    upsert(tenant_generations)
    .on_conflict_do_update(
        index_elements=[tenant_generations.c.tenant_id],
        set_={"generation": tenant_generations.c.generation + 1},
    )
    .returning(tenant_generations.c.generation)
)
_INSERT_TENANT = (
    upsert(tenants)
    .on_conflict_do_nothing(index_elements=[tenants.c.tenant_id])
    .returning(tenants.c.id, tenants.c.created_at)
)
_INSERT_SERVICES = insert(services)
_UPDATE_SLA = (
    "UPDATE tenants SET sla = $2::jsonb, sla_time = $3::timestamptz"
    # A report from before the creation is of an earlier tenant with the same id, which may have been another caller's.
    " WHERE tenant_id = $1 AND coalesce(sla_time, $3) <= $3 AND coalesce(created_at, $3) <= $3 RETURNING id"
)
_HAS_SIZING = "SELECT id FROM tenants WHERE tenant_id = $1 AND revision = $2 AND sizing = $3::jsonb"


async def find_tenant(connection: AsyncConnection, tenant_id: str, *, lock: bool = False) -> TenantRow | None:
    """The tenant, or None. `lock` locks its row until the end of the transaction."""
    row = (await connection.execute(_FIND_AND_LOCK if lock else _FIND, {"sought": tenant_id})).one_or_none()
    return _read(row) if row is not None else None


async def list_tenants(
    connection: AsyncConnection,
    *,
    skip: int,
    limit: int,
    preset: str | None,
    status: str | None,
    visible: Collection[str] | None = None,
) -> TenantPage:
    """A page of tenants, newest first; only those with an id in `visible`, unless it is None."""
    matches = and_(
        true() if visible is None else tenants.c.tenant_id.in_(visible),
        true() if preset is None else tenants.c.preset == preset,
        true() if status is None else func.coalesce(tenants.c.status, "pending") == status,
    )
    count = select(func.count()).where(services.c.tenant_id == tenants.c.id).correlate(tenants).scalar_subquery()
    page = (
        select(*_COLUMNS, count.label("services_count"))
        .where(matches)
        .order_by(tenants.c.created_at.desc(), tenants.c.id.desc())
        .offset(skip)
        .limit(limit)
    )
    rows = (await connection.execute(page)).all()
    totals = select(func.count(), func.count().filter(tenants.c.status == "running")).where(matches)
    total, active = (await connection.execute(totals)).one()
    return TenantPage([(_read(row), row.services_count) for row in rows], total, active)


async def next_generation(connection: AsyncConnection, tenant_id: str) -> int:
    """The generation of the next operation, under a row lock until the end of the transaction."""
    return int((await connection.execute(_NEXT_GENERATION, {"tenant_id": tenant_id, "generation": 1})).scalar_one())


async def raise_generation(connection: AsyncConnection, tenant_id: str, floor: int) -> None:
    """Make the next generation higher than `floor`."""
    first = upsert(tenant_generations).values(tenant_id=tenant_id, generation=floor)
    highest = func.greatest(tenant_generations.c.generation, first.excluded.generation)
    await connection.execute(
        first.on_conflict_do_update(index_elements=[tenant_generations.c.tenant_id], set_={"generation": highest})
    )


async def insert_tenant(connection: AsyncConnection, values: Mapping[str, Any]) -> tuple[int, datetime] | None:
    """The new row's id and time of creation, or None if the tenant id is in use."""
    row = (await connection.execute(_INSERT_TENANT, dict(values))).one_or_none()
    return (row.id, row.created_at) if row is not None else None


async def update_tenant(connection: AsyncConnection, row_id: int, values: Mapping[str, Any]) -> datetime:
    """Change columns; returns the time of the change."""
    statement = (
        update(tenants)
        .where(tenants.c.id == row_id)
        .values(**values, updated_at=func.now())
        .returning(tenants.c.updated_at)
    )
    changed: datetime = (await connection.execute(statement)).scalar_one()
    return changed


async def insert_services(connection: AsyncConnection, row_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the services of a new tenant."""
    if rows:
        await connection.execute(_INSERT_SERVICES, [{**row, "tenant_id": row_id} for row in rows])


async def replace_services(connection: AsyncConnection, row_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace all services of a tenant."""
    await connection.execute(delete(services).where(services.c.tenant_id == row_id))
    await insert_services(connection, row_id, rows)


async def list_services(connection: AsyncConnection, row_id: int) -> Sequence[Row[Any]]:
    """The tenant's services, in the order of the sizing."""
    query = select(services).where(services.c.tenant_id == row_id).order_by(services.c.id)
    return (await connection.execute(query)).all()


async def has_sizing(database: Database, tenant_id: str, revision: int | None, sizing: str) -> bool:
    """Whether this revision of the tenant is stored with this sizing (JSON)."""
    return await database.fetch_row(_HAS_SIZING, tenant_id, revision, sizing) is not None


async def update_sizing(connection: AsyncConnection, row_id: int, values: Mapping[str, Any]) -> None:
    """Store a sizing of the present revision; `updated_at` stays."""
    await connection.execute(update(tenants).where(tenants.c.id == row_id).values(**values))


async def update_sla(database: Database, tenant_id: str, report: str, time: datetime) -> bool:
    """Store an SLA report (JSON), unless a later one is stored or it is older than the tenant; whether it was."""
    return await database.fetch_row(_UPDATE_SLA, tenant_id, report, time) is not None


async def delete_tenant(connection: AsyncConnection, tenant_id: str, generation: int) -> bool:
    """Delete the tenant with its dependent rows, unless a later operation than `generation` was requested."""
    statement = (
        delete(tenants)
        .where(tenants.c.tenant_id == tenant_id, tenants.c.generation == generation)
        .returning(tenants.c.id)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def count_active(connection: AsyncConnection) -> int:
    """The number of running tenants."""
    return int(await connection.scalar(select(func.count()).where(tenants.c.status == "running")) or 0)


def _read(row: Row[*tuple[Any, ...]]) -> TenantRow:
    values = row._mapping
    return TenantRow(**{name: values[name] for name in TenantRow.__slots__})

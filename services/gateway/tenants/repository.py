"""Rows of `tenants`, `services` and `tenant_generations`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, insert, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.tables import deployments, services, tenant_generations, tenants


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A row of `tenants`. Who inserts by hand may leave much of it empty or odd."""

    id: int
    tenant_id: str
    name: str | None
    preset: str
    status: str
    service_requirements: Any
    resources: Any
    sla_target: Any
    cpu_limit: str | None
    memory_limit: str | None
    gpu_limit: int | None
    storage_limit: str | None
    gpu_type: str | None
    created_at: datetime
    updated_at: datetime
    description: str | None
    requested_preset: str | None
    requested_gpu_type: str | None
    sizing: dict[str, Any] | None
    revision: int
    generation: int
    target: str | None
    options: dict[str, Any] | None
    sla: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class TenantPage:
    """A page of tenants, each with the number of its services, and the counts over all pages."""

    rows: Sequence[tuple[TenantRow, int]]
    total: int
    active: int


# NULLs are possible where the guides' table allows them.
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

# Built once: to put a statement together takes longer than to send it.
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


async def find_tenant(connection: AsyncConnection, tenant_id: str, *, lock: bool = False) -> TenantRow | None:
    """The tenant, or None. With `lock` nobody else changes it before the transaction's end."""
    row = (await connection.execute(_FIND_AND_LOCK if lock else _FIND, {"sought": tenant_id})).one_or_none()
    return _read(row) if row is not None else None


async def list_tenants(
    connection: AsyncConnection, *, skip: int, limit: int, preset: str | None, status: str | None
) -> TenantPage:
    """The newest first."""
    matches = and_(
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
    """The number of the next operation, under a row lock that lasts until the transaction's end."""
    return int((await connection.execute(_NEXT_GENERATION, {"tenant_id": tenant_id, "generation": 1})).scalar_one())


async def raise_generation(connection: AsyncConnection, tenant_id: str, floor: int) -> None:
    """Let the next operation's number be above `floor`."""
    first = upsert(tenant_generations).values(tenant_id=tenant_id, generation=floor)
    highest = func.greatest(tenant_generations.c.generation, first.excluded.generation)
    await connection.execute(
        first.on_conflict_do_update(index_elements=[tenant_generations.c.tenant_id], set_={"generation": highest})
    )


async def insert_tenant(connection: AsyncConnection, values: Mapping[str, Any]) -> tuple[int, datetime] | None:
    """The new row's id and time of creation, or None if the tenant id is taken."""
    row = (await connection.execute(_INSERT_TENANT, dict(values))).one_or_none()
    return (row.id, row.created_at) if row is not None else None


async def update_tenant(connection: AsyncConnection, row_id: int, values: Mapping[str, Any]) -> datetime:
    """Change columns; the time of the change."""
    statement = (
        update(tenants)
        .where(tenants.c.id == row_id)
        .values(**values, updated_at=func.now())
        .returning(tenants.c.updated_at)
    )
    changed: datetime = (await connection.execute(statement)).scalar_one()
    return changed


async def insert_services(connection: AsyncConnection, row_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """The services that a new tenant consists of."""
    if rows:
        await connection.execute(_INSERT_SERVICES, [{**row, "tenant_id": row_id} for row in rows])


async def replace_services(connection: AsyncConnection, row_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """The services that the tenant consists of from now on."""
    await connection.execute(delete(services).where(services.c.tenant_id == row_id))
    await insert_services(connection, row_id, rows)


async def list_services(connection: AsyncConnection, row_id: int) -> Sequence[Row[Any]]:
    """The tenant's services, in the order that sizing gave them."""
    query = select(services).where(services.c.tenant_id == row_id).order_by(services.c.id)
    return (await connection.execute(query)).all()


async def latest_deployment_id(connection: AsyncConnection, row_id: int) -> str | None:
    """The id of the tenant's latest operation."""
    query = (
        select(deployments.c.deployment_id)
        .where(deployments.c.tenant_id == row_id)
        .order_by(deployments.c.generation.desc())
        .limit(1)
    )
    found: str | None = await connection.scalar(query)
    return found


async def update_sizing(connection: AsyncConnection, row_id: int, values: Mapping[str, Any]) -> None:
    """Store a sizing of the tenant as it is: no change of its own."""
    await connection.execute(update(tenants).where(tenants.c.id == row_id).values(**values))


async def update_sla(connection: AsyncConnection, tenant_id: str, report: Mapping[str, Any], time: datetime) -> bool:
    """Store a report unless a later one is there. By its own time: sequences begin anew with a new stream."""
    statement = (
        update(tenants)
        .where(tenants.c.tenant_id == tenant_id, func.coalesce(tenants.c.sla_time, time) <= time)
        .values(sla=dict(report), sla_time=time)
        .returning(tenants.c.id)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def delete_tenant(connection: AsyncConnection, tenant_id: str, generation: int) -> bool:
    """Remove the tenant and all that hangs on it, unless an operation came after `generation`."""
    statement = (
        delete(tenants)
        .where(tenants.c.tenant_id == tenant_id, tenants.c.generation == generation)
        .returning(tenants.c.id)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def count_active(connection: AsyncConnection) -> int:
    """Tenants that run."""
    return int(await connection.scalar(select(func.count()).where(tenants.c.status == "running")) or 0)


def _read(row: Row[*tuple[Any, ...]]) -> TenantRow:
    values = row._mapping
    return TenantRow(**{name: values[name] for name in TenantRow.__slots__})

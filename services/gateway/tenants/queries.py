"""What the API shows: rows as answers. Reads only; nothing is decided here."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row

from services.gateway.deployments import progress as status
from services.gateway.deployments import repository as deployment_store
from services.gateway.deployments.observed import health_of, replicas_of, services_lately
from services.gateway.deployments.schemas import (
    Deployment,
    DeploymentEvent,
    DeploymentEvents,
    DeploymentList,
    DeploymentState,
)
from services.gateway.http import request_context
from services.gateway.http.errors import deployment_not_found, invalid, tenant_not_found
from services.gateway.monitoring import repository as monitoring_store
from services.gateway.monitoring.schemas import TimeRange
from services.gateway.monitoring.series import INTERVALS, Series, most_hours, series_name, series_of, too_many
from services.gateway.outbox import repository as outbox_store
from services.gateway.tenants import repository as store
from services.gateway.tenants.repository import TenantRow
from services.gateway.tenants.schemas import (
    Pagination,
    SlaAnswer,
    TenantDetail,
    TenantList,
    TenantService,
    TenantSummary,
)
from shared.database import Database, Databases
from shared.events import ServiceReadiness
from shared.subjects import Mode
from shared.tenants import SlaTarget

_LOG_LINES = 200
_RESOURCES = {"cpu": "cpu_limit", "memory": "memory_limit", "gpu": "gpu_limit", "storage": "storage_limit"}
_EVENTS = 5000


class Queries:
    """The answers. Each raises Refused for what isn't there, DependencyUnavailable when PostgreSQL is away."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def tenant(self, mode: Mode, tenant_id: str) -> TenantRow:
        """The row of a tenant that exists."""
        async with self._databases[mode].begin() as connection:
            return _known(await store.find_tenant(connection, tenant_id), tenant_id)

    async def tenants(self, mode: Mode, *, skip: int, limit: int, preset: str | None, state: str | None) -> TenantList:
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                page = await store.list_tenants(connection, skip=skip, limit=limit, preset=preset, status=state)
        return TenantList(
            tenants=[_summary(row, count, mode) for row, count in page.rows],
            total_count=page.total,
            demo_count=page.total if mode is Mode.DEMO else 0,
            active_count=page.active,
            pagination=Pagination(skip=skip, limit=limit, has_more=skip + len(page.rows) < page.total),
        )

    async def detail(self, mode: Mode, tenant_id: str) -> TenantDetail:
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                row = _known(await store.find_tenant(connection, tenant_id), tenant_id)
                services = await store.list_services(connection, row.id)
                deployment_id = await store.latest_deployment_id(connection, row.id)
        sizing, seen = row.sizing or {}, services_lately(row.sla, datetime.now(UTC))
        return TenantDetail(
            **_common(row, mode),
            health=health_of(seen),
            service_requirements=_object(row.service_requirements),
            resources=_resources(row),
            sla_target=_object(row.sla_target),
            services=[_service(each, seen.get(each.service_name)) for each in services],
            updated_at=row.updated_at,
            estimated_cost=sizing.get("estimated_cost"),
            revision=row.revision,
            generation=row.generation,
            target=row.target,
            deployment_id=deployment_id,
        )

    async def sla(self, mode: Mode, tenant_id: str) -> SlaAnswer:
        row = await self.tenant(mode, tenant_id)
        if row.sla is not None:
            return SlaAnswer.model_validate(row.sla)
        target = _target(row)
        return SlaAnswer(
            tenant_id=tenant_id,
            status="unknown",
            availability=None,
            target=target,
            since=None,
            time=None,
            downtime_seconds=0,
            observed_seconds=0,
            failures=0,
        )

    async def deployments(self, mode: Mode, tenant_id: str, *, skip: int, limit: int) -> DeploymentList:
        async with self._databases[mode].begin() as connection:
            row = _known(await store.find_tenant(connection, tenant_id), tenant_id)
            rows, total = await deployment_store.list_deployments(connection, row.id, skip=skip, limit=limit)
        return DeploymentList(tenant_id=tenant_id, deployments=[_deployment(each) for each in rows], total_count=total)

    async def deployment(self, mode: Mode, deployment_id: str) -> Deployment:
        return _deployment(await _find_deployment(self._databases[mode], deployment_id))

    async def events(self, mode: Mode, deployment_id: str, *, since: int) -> DeploymentEvents:
        await _find_deployment(self._databases[mode], deployment_id)
        async with self._databases[mode].begin() as connection:
            rows = await deployment_store.list_events(connection, deployment_id, since=since, limit=_EVENTS)
        return DeploymentEvents(deployment_id=deployment_id, events=[_event(each) for each in rows])

    async def deployment_state(self, mode: Mode, tenant_id: str) -> DeploymentState:
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                row = _known(await store.find_tenant(connection, tenant_id), tenant_id)
                latest = await deployment_store.latest_deployment(connection, tenant_id)
                if latest is None:
                    return status.never_deployed(tenant_id)
                events = await deployment_store.list_events(connection, latest.deployment_id, limit=_LOG_LINES)
                unsent = await outbox_store.unsent_for(connection, tenant_id)
        return status.deployment_state(row, latest, events, datetime.now(UTC), unsent)

    async def monitoring(
        self, mode: Mode, tenant_id: str, *, metric: str | None, hours: int, interval: str
    ) -> tuple[TimeRange, Series]:
        """The last `hours`. Raises Refused for more points than an answer may have."""
        step, most = INTERVALS[interval], most_hours(INTERVALS[interval])
        end = datetime.now(UTC)
        start = end - timedelta(hours=hours)
        name = series_name(metric) if metric is not None else None
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                row = _known(await store.find_tenant(connection, tenant_id), tenant_id)
                stretches = await monitoring_store.series(
                    connection, row.id, start=start, end=end, step=step, metric=name, most=most
                )
        if len(stretches) > most:
            raise invalid("interval", too_many(interval, hours))
        with request_context.timed("series"):
            return TimeRange(start=start, end=end), series_of(stretches, start=start, step=step)


def _known(row: TenantRow | None, tenant_id: str) -> TenantRow:
    if row is None:
        raise tenant_not_found(tenant_id)
    request_context.current().tenant_id = row.tenant_id
    return row


async def _find_deployment(database: Database, deployment_id: str) -> Row[Any]:
    async with database.begin() as connection:
        row = await deployment_store.find_deployment(connection, deployment_id)
    if row is None:
        raise deployment_not_found(deployment_id)
    return row


def _common(row: TenantRow, mode: Mode) -> dict[str, Any]:
    """What summary and detail share. The mode is the database's, whatever a row inserted by hand says."""
    return {
        "tenant_id": row.tenant_id,
        "name": row.name,
        "preset": row.preset,
        "is_demo": mode is Mode.DEMO,
        "status": row.status,
        "gpu_type": row.gpu_type,
        "created_at": row.created_at,
        "description": row.description,
    }


def _service(row: Row[Any], seen: ServiceReadiness | None) -> TenantService:
    service = TenantService.model_validate(row, from_attributes=True)
    if seen is None or not seen.is_due:
        return service
    return service.model_copy(update={"state": health_of({row.service_name: seen}), "replicas": replicas_of(seen)})


def _summary(row: TenantRow, services: int, mode: Mode) -> TenantSummary:
    target = _object(row.sla_target)
    return TenantSummary(
        **_common(row, mode),
        # One inserted by hand has no services yet: then what it asks for.
        services_count=services or len(_object(row.service_requirements)),
        cpu_limit=row.cpu_limit,
        memory_limit=row.memory_limit,
        gpu_limit=row.gpu_limit,
        storage_limit=row.storage_limit,
        sla_availability=_text(target.get("availability")),
        sla_response_time=_text(target.get("response_time")),
    )


def _resources(row: TenantRow) -> dict[str, Any]:
    stored = _object(row.resources)
    return {name: stored.get(name, getattr(row, column)) for name, column in _RESOURCES.items()}


def _object(value: Any) -> dict[str, Any]:
    """A JSON column; by hand it may hold anything."""
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _target(row: TenantRow) -> float:
    """The availability that was promised, in percent; the default where a row inserted by hand says nothing usable."""
    try:
        target = SlaTarget.model_validate(_object(row.sla_target))
    except ValidationError:
        target = SlaTarget()
    return round(target.availability_ratio * 100, 6)


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment.model_validate({**row._mapping, "tenant_id": row.tenant_name})


def _event(row: Row[Any]) -> DeploymentEvent:
    return DeploymentEvent.model_validate(
        {**row._mapping, "timestamp": row.time, "event": row.subject, "resources": row.resources or []}
    )

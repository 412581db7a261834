"""Tenants as answers. Reads only."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from services.gateway.access.permissions import permissions_of
from services.gateway.access.visibility import visible_tenants
from services.gateway.deployments.observed import health_of, replicas_of, services_lately
from services.gateway.deployments.repository import latest_deployment_id
from services.gateway.durations.estimates import DurationEstimates
from services.gateway.http import request_context
from services.gateway.http.errors import found_tenant
from services.gateway.mode_context import ModeContext
from services.gateway.tenants import repository, rules
from services.gateway.tenants.cluster_defaults import with_defaults
from services.gateway.tenants.requests import check_known
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.schemas import (
    Pagination,
    TenantDetail,
    TenantList,
    TenantService,
    TenantSummary,
)
from services.gateway.tenants.sizing_schemas import CalculateResources
from services.gateway.tenants.targets import TargetChoice
from shared.choices import ClusterOptions, with_registry
from shared.events import ServiceReadiness
from shared.rpc import CalculateRequest
from shared.sizing import Sizing
from shared.tenants import TenantSpec

_RESOURCES = {"cpu": "cpu_limit", "memory": "memory_limit", "gpu": "gpu_limit", "storage": "storage_limit"}


class TenantQueries:
    """Each raises Refused for an unknown tenant, and DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._catalog = context.catalog
        self._database = context.database
        self._workers = context.workers
        self._is_demo = context.is_demo
        self._estimates = DurationEstimates(context.catalog)
        self._default_target = TargetChoice(context.mode, context.settings.has_kubernetes).default
        self._defaults = context.settings.cluster_defaults

    async def row(self, tenant_id: str) -> TenantRow:
        async with self._database.begin() as connection:
            return found_tenant(await repository.find_tenant(connection, tenant_id), tenant_id)

    def deployed_spec(self, row: TenantRow) -> TenantSpec:
        """The specification with the defaults of its target, which for a new tenant is the mode's."""
        return with_defaults(rules.spec_of_row(row), self._defaults, self._target(row))

    async def sizing_of(self, row: TenantRow) -> Sizing:
        """The stored sizing. A tenant that was inserted by hand has none: it is sized for this answer only."""
        return (
            Sizing.model_validate(row.sizing) if row.sizing else await self._workers.size_spec(rules.spec_of_row(row))
        )

    def _target(self, row: TenantRow) -> str:
        return row.target or self._default_target

    async def list(self, *, skip: int, limit: int, preset: str | None, status: str | None) -> TenantList:
        if preset is not None:
            self._catalog.check_preset(preset)
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                page = await repository.list_tenants(
                    connection, skip=skip, limit=limit, preset=preset, status=status, visible=visible_tenants()
                )
        return TenantList(
            tenants=[_summary(row, count, self._is_demo) for row, count in page.rows],
            total_count=page.total,
            demo_count=page.total if self._is_demo else 0,
            active_count=page.active,
            pagination=Pagination(skip=skip, limit=limit, has_more=skip + len(page.rows) < page.total),
        )

    async def calculate(self, request: CalculateResources) -> Sizing:
        """The sizing of services without a tenant. Raises Refused for what the catalogue doesn't have."""
        check_known(
            self._catalog, request.service_requirements, request.preset, request.gpu_type, request.service_options
        )
        sizing = await self._workers.size(CalculateRequest(**dict(request)))
        pods = sum(each.replicas for each in sizing.services)
        usual = sizing.deployment_time
        time = await self._estimates.measured_text(self._database, self._default_target, pods, usual)
        return sizing.model_copy(update={"deployment_time": time})

    async def detail(self, tenant_id: str) -> TenantDetail:
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                row = found_tenant(await repository.find_tenant(connection, tenant_id), tenant_id)
                services = await repository.list_services(connection, row.id)
                deployment_id = await latest_deployment_id(connection, row.id)
        sizing, seen = row.sizing or {}, services_lately(row.sla, datetime.now(UTC))
        cluster = rules.cluster_options_of(row)
        deployed = cluster.over(self._defaults.get(self._target(row), ClusterOptions()))
        return TenantDetail(
            **_common(row, self._is_demo),
            health=health_of(seen),
            service_requirements=rules.json_object(row.service_requirements),
            resources=_resources(row),
            sla_target=rules.json_object(row.sla_target),
            services=[_service(each, seen.get(each.service_name), deployed.registry) for each in services],
            service_options=rules.json_object(row.service_options),
            cluster_options=_shown(cluster),
            effective_cluster_options=_shown(deployed),
            updated_at=row.updated_at,
            estimated_cost=sizing.get("estimated_cost"),
            revision=row.revision,
            generation=row.generation,
            target=row.target,
            deployment_id=deployment_id,
        )


def _shown(options: ClusterOptions) -> dict[str, Any]:
    return options.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def _common(row: TenantRow, is_demo: bool) -> dict[str, Any]:
    """What summary and detail share. The mode is that of the database, whatever a row inserted by hand has."""
    return {
        "tenant_id": row.tenant_id,
        "name": row.name,
        "preset": row.preset,
        "is_demo": is_demo,
        "status": row.status,
        "gpu_type": row.gpu_type,
        "created_at": row.created_at,
        "description": row.description,
        "permissions": permissions_of(request_context.current().caller, row.status),
    }


def _service(row: Row[Any], seen: ServiceReadiness | None, registry: str | None) -> TenantService:
    service = TenantService.model_validate(row, from_attributes=True)
    service = service.model_copy(update={"image": with_registry(service.image, registry)})
    if seen is None or not seen.is_due:
        return service
    return service.model_copy(update={"state": health_of({row.service_name: seen}), "replicas": replicas_of(seen)})


def _summary(row: TenantRow, services: int, is_demo: bool) -> TenantSummary:
    target = rules.json_object(row.sla_target)
    return TenantSummary(
        **_common(row, is_demo),
        # A tenant that was inserted by hand has no services yet: count those that it asks for.
        services_count=services or len(rules.json_object(row.service_requirements)),
        cpu_limit=row.cpu_limit,
        memory_limit=row.memory_limit,
        gpu_limit=row.gpu_limit,
        storage_limit=row.storage_limit,
        sla_availability=_text(target.get("availability")),
        sla_response_time=_text(target.get("response_time")),
    )


def _resources(row: TenantRow) -> dict[str, Any]:
    stored = rules.json_object(row.resources)
    return {name: stored.get(name, getattr(row, column)) for name, column in _RESOURCES.items()}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

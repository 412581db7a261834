"""The dashboards: PostgreSQL, JetStream and the cluster are asked concurrently.

A caller that is bound to tenants gets the figures of those; the health of components is for everyone.

Nothing is estimated: a component that doesn't answer is critical, and an unknown value is null.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.access.visibility import visible_tenants
from services.gateway.active_alerts import repository as alerts
from services.gateway.active_alerts.queries import shown
from services.gateway.active_alerts.schemas import ActiveAlert
from services.gateway.dashboards import repository
from services.gateway.dashboards.capacity import cluster_component, system_metrics
from services.gateway.dashboards.schemas import (
    ApiComponent,
    ComponentHealth,
    Components,
    DatabaseComponent,
    OperationsDashboard,
    RecentDeployment,
    RedisComponent,
    SlaMetrics,
    SystemMetrics,
    SystemStatus,
    TenantStats,
    Utilization,
)
from services.gateway.http import request_context
from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.targets import TargetChoice
from shared.bus.publishing import NATS_ERRORS
from shared.errors import EcpError
from shared.rpc import CapacityReply, CapacityRequest
from shared.subjects import Stream

_USAGE = ("cpu", "memory", "gpu")
_USAGE_SECONDS, _RESPONSE_SECONDS = 300.0, 3600.0
_MOST_ALERTS = 100
_FULL = 90.0
"""Percent of a stream's limit from which the storage is degraded: a full stream refuses events."""


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """Everything that a dashboard reads from the database."""

    tenants: Row[Any]
    presets: dict[str, int]
    latest_deployments: Row[Any]
    ended_deployments: Row[Any]
    recent_deployments: list[RecentDeployment]
    usage: dict[str, float]
    response_time: float | None
    connections: int
    alerts: list[ActiveAlert]
    own_resources: Sequence[Mapping[str, Any]] | None


class DashboardQueries:
    """The dashboards of one mode."""

    def __init__(self, context: ModeContext) -> None:
        self._context = context
        self._target = TargetChoice(context.mode, context.settings.has_kubernetes).default

    async def system(self) -> SystemMetrics:
        """The cluster's resources. Raises DependencyUnavailable while the deployer or PostgreSQL is away."""
        capacity = await self._capacity()
        visible = visible_tenants()
        async with self._context.database.begin() as connection:
            counts = await repository.count_tenants(connection, visible)
            own = await _own_resources(connection, visible)
        return system_metrics(capacity, counts.total, counts.active, own)

    async def operations(self) -> OperationsDashboard:
        """The state of everything. Raises DependencyUnavailable only while PostgreSQL is away."""
        capacity, fill, figures = await asyncio.gather(self._capacity_or_none(), self._fill(), self._figures())
        components = Components(
            api=ApiComponent(status="healthy", response_time=request_context.current().elapsed_ms),
            database=DatabaseComponent(status="healthy", connections=figures.connections),
            redis=RedisComponent(status=_storage_health(fill), memory_usage=fill),
            kubernetes=cluster_component(capacity),
        )
        counts = figures.tenants
        return OperationsDashboard(
            timestamp=datetime.now(UTC),
            system_status=SystemStatus(overall_status=_overall(components), components=components),
            tenant_stats=_tenant_stats(figures),
            resource_usage=(
                system_metrics(capacity, counts.total, counts.active, figures.own_resources) if capacity else None
            ),
            recent_deployments=figures.recent_deployments,
            active_alerts=figures.alerts,
            sla_metrics=_sla_metrics(figures),
        )

    async def _figures(self) -> DatabaseFigures:
        with request_context.timed("database"):
            async with self._context.database.begin() as connection:
                return await _read_figures(connection, visible_tenants())

    async def _capacity(self) -> CapacityReply:
        return await self._context.workers.capacity(CapacityRequest(target=self._target))

    async def _capacity_or_none(self) -> CapacityReply | None:
        try:
            return await self._capacity()
        except EcpError:
            return None

    async def _fill(self) -> float | None:
        """Percent of the limit that the fullest stream of the mode uses; None if JetStream doesn't answer."""
        if not self._context.worker.started:
            return None
        jetstream, mode = self._context.jetstream, self._context.mode
        try:
            infos = await asyncio.gather(
                *(jetstream.stream_info(mode.stream(each)) for each in (Stream.ECP, Stream.METRICS))
            )
        except NATS_ERRORS:
            return None
        limits = [(info.state.bytes, info.config.max_bytes or 0) for info in infos]
        shares = [100 * size / limit for size, limit in limits if limit > 0]
        return round(max(shares), 2) if shares else None


async def _read_figures(connection: AsyncConnection, visible: list[str] | None) -> DatabaseFigures:
    response = await repository.means(connection, ["response_time"], _RESPONSE_SECONDS, visible)
    recent = await repository.recent_deployments(connection, visible)
    active = await alerts.active(connection, visible, most=_MOST_ALERTS)
    return DatabaseFigures(
        tenants=await repository.count_tenants(connection, visible),
        presets=await repository.count_presets(connection, visible),
        latest_deployments=await repository.count_latest_deployments(connection, visible),
        ended_deployments=await repository.count_ended_deployments(connection, visible),
        recent_deployments=[RecentDeployment.model_validate(dict(row._mapping)) for row in recent],
        usage=await repository.means(connection, _USAGE, _USAGE_SECONDS, visible),
        response_time=response.get("response_time"),
        connections=await repository.count_connections(connection),
        alerts=shown(active, translator()),
        own_resources=await _own_resources(connection, visible),
    )


async def _own_resources(connection: AsyncConnection, visible: list[str] | None) -> Sequence[Mapping[str, Any]] | None:
    """What the tenants of a bound caller use; None for a caller that may see the use of the whole cluster."""
    return None if visible is None else await repository.sized_resources(connection, visible)


def _tenant_stats(figures: DatabaseFigures) -> TenantStats:
    return TenantStats(
        total_tenants=figures.tenants.total,
        active_tenants=figures.tenants.active,
        pending_deployments=figures.latest_deployments.pending,
        failed_deployments=figures.latest_deployments.failed,
        by_preset=figures.presets,
        resource_utilization=Utilization(**{name: figures.usage.get(name) for name in _USAGE}),
    )


def _sla_metrics(figures: DatabaseFigures) -> SlaMetrics:
    counts, ended = figures.tenants, figures.ended_deployments
    return SlaMetrics(
        availability=100 * (1 - counts.down / counts.observed) if counts.observed else None,
        avg_response_time=figures.response_time,
        deployment_success_rate=100 * ended.completed / ended.ended if ended.ended else None,
    )


def _storage_health(fill: float | None) -> ComponentHealth:
    if fill is None:
        return "critical"
    return "healthy" if fill < _FULL else "degraded"


def _overall(components: Components) -> ComponentHealth:
    found = {each.status for each in (components.api, components.database, components.redis, components.kubernetes)}
    return "critical" if "critical" in found else "degraded" if "degraded" in found else "healthy"

"""The dashboards: PostgreSQL, JetStream and the cluster asked at the same time, and what each of them says.

Nothing is estimated: what doesn't answer is critical, and what isn't known is null.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from services.gateway.dashboards import repository as overview
from services.gateway.dashboards.alerts import Alarm, Watched, active_alarms
from services.gateway.dashboards.schemas import (
    ActiveAlert,
    Amounts,
    ApiComponent,
    Components,
    DatabaseComponent,
    Health,
    KubernetesComponent,
    OperationsDashboard,
    RecentDeployment,
    RedisComponent,
    Shares,
    SlaMetrics,
    SystemMetrics,
    SystemStatus,
    TenantStats,
    Utilization,
)
from services.gateway.http import request_context
from services.gateway.tenants.rules import Targets
from services.gateway.workers import Questions
from shared.bus import Worker
from shared.bus.publishing import NATS_ERRORS
from shared.database import Databases
from shared.errors import EcpError
from shared.kube.quantities import parse
from shared.rpc import CapacityReply, CapacityRequest, NodeCapacity
from shared.subjects import Mode, Stream

_RESOURCES = {"cpu": "cpu", "memory": "memory", "gpu": "nvidia.com/gpu", "storage": "ephemeral-storage"}
_NOT_READY = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
_USAGE = ("cpu", "memory", "gpu")
_USAGE_SECONDS, _RESPONSE_SECONDS = 300.0, 3600.0
_FULL = 90.0
"""Percent of a stream from which on its store is degraded: a full one refuses."""


class Dashboards:
    """The answers."""

    def __init__(self, databases: Databases, questions: Questions, worker: Worker, targets: Targets) -> None:
        self._databases = databases
        self._questions = questions
        self._worker = worker
        self._targets = targets

    async def system(self, mode: Mode) -> SystemMetrics:
        """Raises DependencyUnavailable while the deployer, or PostgreSQL, is away."""
        capacity = await self._capacity(mode)
        async with self._databases[mode].begin() as connection:
            counts = await overview.tenants(connection)
        return system_metrics(capacity, counts.total, counts.active)

    async def operations(self, mode: Mode) -> OperationsDashboard:
        """Raises DependencyUnavailable while PostgreSQL is away; everything else may be."""
        capacity, fill, database = await asyncio.gather(
            self._capacity_or_none(mode), self._fill(mode), self._count(mode)
        )
        counts, ended = database["tenants"], database["ended"]
        components = Components(
            api=ApiComponent(status="healthy", response_time=request_context.current().elapsed_ms),
            database=DatabaseComponent(status="healthy", connections=database["connections"]),
            redis=RedisComponent(status=_store_health(fill), memory_usage=fill),
            kubernetes=_kubernetes(capacity),
        )
        return OperationsDashboard(
            timestamp=datetime.now(UTC),
            system_status=SystemStatus(overall_status=_overall(components), components=components),
            tenant_stats=TenantStats(
                total_tenants=counts.total,
                active_tenants=counts.active,
                pending_deployments=database["deployments"].pending,
                failed_deployments=database["deployments"].failed,
                by_preset=database["presets"],
                resource_utilization=Utilization(**{name: database["usage"].get(name) for name in _USAGE}),
            ),
            resource_usage=system_metrics(capacity, counts.total, counts.active) if capacity else None,
            recent_deployments=[RecentDeployment.model_validate(dict(row._mapping)) for row in database["recent"]],
            active_alerts=[ActiveAlert(**asdict(each)) for each in _alarms(mode, database["watched"])],
            sla_metrics=SlaMetrics(
                availability=100 * (1 - counts.down / counts.observed) if counts.observed else None,
                avg_response_time=database["response"].get("response_time"),
                deployment_success_rate=100 * ended.completed / ended.ended if ended.ended else None,
            ),
        )

    async def _count(self, mode: Mode) -> dict[str, Any]:
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                return {
                    "tenants": await overview.tenants(connection),
                    "presets": await overview.presets(connection),
                    "deployments": await overview.deployments(connection),
                    "ended": await overview.ended_deployments(connection),
                    "recent": await overview.recent_deployments(connection),
                    "usage": await overview.means(connection, _USAGE, _USAGE_SECONDS),
                    "response": await overview.means(connection, ["response_time"], _RESPONSE_SECONDS),
                    "connections": await overview.connections(connection),
                    "watched": await overview.watched(connection),
                }

    async def _capacity(self, mode: Mode) -> CapacityReply:
        target, _ = self._targets.choose(mode, None)
        return await self._questions.capacity(mode, CapacityRequest(target=target))

    async def _capacity_or_none(self, mode: Mode) -> CapacityReply | None:
        try:
            return await self._capacity(mode)
        except EcpError:
            return None

    async def _fill(self, mode: Mode) -> float | None:
        """Percent of the fullest stream of the mode; None if JetStream doesn't answer."""
        if not self._worker.started:
            return None
        try:
            infos = await asyncio.gather(
                *(self._worker.jetstream.stream_info(mode.stream(each)) for each in (Stream.ECP, Stream.METRICS))
            )
        except NATS_ERRORS:
            return None
        limits = [(info.state.bytes, info.config.max_bytes or 0) for info in infos]
        shares = [100 * size / limit for size, limit in limits if limit > 0]
        return round(max(shares), 2) if shares else None


def _alarms(mode: Mode, rows: Iterable[Any]) -> Sequence[Alarm]:
    tenants = (Watched(**row._mapping) for row in rows)
    return active_alarms(tenants, mode=mode, now=datetime.now(UTC), language=request_context.current().language)


def system_metrics(capacity: CapacityReply, tenants: int, active: int) -> SystemMetrics:
    """A target's nodes, added up. Pure."""
    total = {name: _sum(node.allocatable.get(key) for node in capacity.nodes) for name, key in _RESOURCES.items()}
    free = {name: _sum(node.free.get(key) for node in capacity.nodes) for name, key in _RESOURCES.items()}
    used = {name: total[name] - free[name] for name in _RESOURCES}
    return SystemMetrics(
        cluster_status=_cluster_health(capacity.nodes),
        total_tenants=tenants,
        active_tenants=active,
        total_resources=_amounts(total),
        used_resources=_amounts(used),
        utilization=Shares(
            **{name: round(float(100 * used[name] / total[name]), 2) if total[name] else None for name in _RESOURCES}
        ),
    )


def _sum(quantities: Iterable[str | None]) -> Decimal:
    return sum((parse(each) for each in quantities if each is not None), Decimal(0))


def _amounts(amounts: Mapping[str, Decimal]) -> Amounts:
    return Amounts(
        cpu=f"{int(amounts['cpu'] * 1000)}m",
        memory=f"{_plain(amounts['memory'] / 2**30)}Gi",
        gpu=int(amounts["gpu"]),
        storage=f"{_plain(amounts['storage'] / 10**12)}TB",
    )


def _plain(number: Decimal) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _is_ready(node: NodeCapacity) -> bool:
    return not any(taint.get("key") in _NOT_READY for taint in node.taints)


def _cluster_health(nodes: Sequence[NodeCapacity]) -> Health:
    ready = sum(map(_is_ready, nodes))
    if not ready:
        return "critical"
    return "healthy" if ready == len(nodes) else "degraded"


def _kubernetes(capacity: CapacityReply | None) -> KubernetesComponent:
    if capacity is None:
        return KubernetesComponent(status="critical", nodes_ready=None)
    ready = sum(map(_is_ready, capacity.nodes))
    return KubernetesComponent(status=_cluster_health(capacity.nodes), nodes_ready=f"{ready}/{len(capacity.nodes)}")


def _store_health(fill: float | None) -> Health:
    if fill is None:
        return "critical"
    return "healthy" if fill < _FULL else "degraded"


def _overall(components: Components) -> Health:
    found = {each.status for each in (components.api, components.database, components.redis, components.kubernetes)}
    return "critical" if "critical" in found else "degraded" if "degraded" in found else "healthy"

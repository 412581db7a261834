"""Deployments as answers. Reads only."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from services.gateway.deployments import progress, repository
from services.gateway.deployments.reported import reported_state
from services.gateway.deployments.schemas import (
    Deployment,
    DeploymentEvent,
    DeploymentEvents,
    DeploymentList,
    DeploymentState,
)
from services.gateway.durations.estimates import DurationEstimates
from services.gateway.http import request_context
from services.gateway.http.errors import deployment_not_found, found_tenant
from services.gateway.mode_context import ModeContext
from services.gateway.outbox.repository import unpublished_seconds
from shared.events.statuses import ENDED

_LOG_LINES = 200
_EVENTS = 5000


class DeploymentQueries:
    """Each raises Refused for an unknown id, and DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._estimates = DurationEstimates(context.catalog)

    async def of_tenant(self, tenant_id: str, *, skip: int, limit: int) -> DeploymentList:
        async with self._database.begin() as connection:
            owner = found_tenant(await repository.find_owner(connection, tenant_id), tenant_id)
            rows, total = await repository.list_deployments(connection, owner.id, skip=skip, limit=limit)
        return DeploymentList(tenant_id=tenant_id, deployments=[_deployment(each) for each in rows], total_count=total)

    async def one(self, deployment_id: str) -> Deployment:
        return _deployment(await self._find(deployment_id))

    async def events(self, deployment_id: str, *, since: int) -> DeploymentEvents:
        await self._find(deployment_id)
        async with self._database.begin() as connection:
            rows = await repository.list_events(connection, deployment_id, since=since, limit=_EVENTS)
        return DeploymentEvents(deployment_id=deployment_id, events=[_event(each) for each in rows])

    async def state(self, tenant_id: str) -> DeploymentState:
        """The state of the tenant's latest operation."""
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                owner = found_tenant(await repository.find_owner(connection, tenant_id), tenant_id)
                latest = await repository.latest_deployment(connection, tenant_id)
                reported = await reported_state(connection, owner, latest)
                if latest is None:
                    return progress.never_deployed(tenant_id).model_copy(update={"reported": reported})
                events = await repository.list_events(connection, latest.deployment_id, limit=_LOG_LINES)
                unpublished = await unpublished_seconds(connection, tenant_id)
                ended = latest.status in ENDED
                estimate = None if ended else await self._estimates.of_deployment(connection, latest)
        now = datetime.now(UTC)
        state = progress.deployment_state(owner, latest, events, now, estimate=estimate, unpublished=unpublished)
        return state.model_copy(update={"reported": reported})

    async def _find(self, deployment_id: str) -> Row[Any]:
        async with self._database.begin() as connection:
            row = await repository.find_deployment(connection, deployment_id)
        if row is None:
            raise deployment_not_found(deployment_id)
        return row


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment.model_validate({**row._mapping, "tenant_id": row.tenant_name})


def _event(row: Row[Any]) -> DeploymentEvent:
    return DeploymentEvent.model_validate(
        {**row._mapping, "timestamp": row.time, "event": row.subject, "resources": row.resources or []}
    )

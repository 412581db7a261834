"""Requests the end of an operation in progress, in one transaction with its event.

The operation keeps its id and generation, and the deployer alone decides how it ends: a cancel that comes too late
changes nothing. The row keeps the cancel beside the operation's own request, so that a lost one is published again.
"""

from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.recording import record
from services.gateway.cancellation import repository
from services.gateway.cancellation.rules import OperationInProgress, decide
from services.gateway.cancellation.schemas import CancelAccepted
from services.gateway.deployments.repository import find_owner, latest_deployment_id
from services.gateway.deployments.requests import CANCEL, stored_request
from services.gateway.http import request_context
from services.gateway.http.errors import conflict, deployment_not_found, found_tenant
from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from shared.events import DeploymentContext, DeployOptions, Operation, OperationRequested

_log = structlog.get_logger(__name__)


class CancellationCommands:
    """The cancels of one mode. Each raises Refused, or DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._outbox = context.outbox

    async def cancel_latest(self, tenant_id: str) -> CancelAccepted:
        """Cancel the tenant's latest operation."""
        async with self._database.begin() as connection:
            owner = found_tenant(await find_owner(connection, tenant_id), tenant_id)
            deployment_id = await latest_deployment_id(connection, owner.id)
        if deployment_id is None:
            english = f"tenant {tenant_id!r} was never deployed, so there is nothing to cancel"
            raise conflict("nothing-to-cancel", english, tenant_id=tenant_id)
        return await self.cancel(deployment_id)

    async def cancel(self, deployment_id: str) -> CancelAccepted:
        """Cancel an operation. A repeated call gets the same answer."""
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                row = await repository.lock_operation(connection, deployment_id)
                if row is None:
                    raise deployment_not_found(deployment_id)
                asks, message = decide(_operation(row))
                if asks:
                    await self._request(connection, row)
                    await record(
                        connection,
                        "cancelDeployment",
                        tenant_id=row.tenant_name,
                        deployment_id=deployment_id,
                        before={"operation": row.operation, "status": row.status},
                        after={"operation": row.operation, "status": row.status, "cancel": "requested"},
                    )
        request_context.current().tenant_id = row.tenant_name
        if asks:
            _log.info(
                f"Cancel of a {row.operation} requested",
                action="cancel-requested",
                tenant_id=row.tenant_name,
                deployment_id=deployment_id,
            )
        return CancelAccepted(
            tenant_id=row.tenant_name,
            deployment_id=deployment_id,
            operation=row.operation,
            generation=row.generation,
            status=row.status,
            message=translator().text(*message),
        )

    async def _request(self, connection: AsyncConnection, row: Row[Any]) -> None:
        context = DeploymentContext(
            deployment_id=row.deployment_id,
            generation=row.generation,
            target=row.target,
            options=DeployOptions.model_validate(row.options or {}),
        )
        event = OperationRequested(tenant_id=row.tenant_name, operation=Operation.CANCEL, deployment=context)
        encoded = await self._outbox.add(connection, event)
        if row.request is not None:
            request = {**row.request, CANCEL: stored_request(encoded)}
            await repository.store_request(connection, row.deployment_id, request)


def _operation(row: Row[Any]) -> OperationInProgress:
    return OperationInProgress(
        deployment_id=row.deployment_id,
        tenant_id=row.tenant_name,
        operation=row.operation,
        status=row.status,
        generation=row.generation,
        latest=row.latest,
        is_asked=CANCEL in (row.request or {}),
    )

"""Records a report beside what is observed, and never instead of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.recording import record
from services.gateway.callbacks.schemas import DeploymentReport, DeploymentReported
from services.gateway.deployments import repository as deployments
from services.gateway.deployments.named import named_deployment
from services.gateway.deployments.report_repository import insert_report
from services.gateway.deployments.reported import observed, reported_state
from services.gateway.http import request_context
from services.gateway.http.errors import found_tenant, invalid
from services.gateway.idempotency.transaction import CallKey, idempotent
from services.gateway.mode_context import ModeContext
from services.gateway.tenants import repository as tenants
from shared.messages import sentence

_log = structlog.get_logger(__name__)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=5)
"""The clock of a pipeline may be ahead by this much."""


class CallbackCommands:
    """The reports of one mode. Each raises Refused, or DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database

    async def record(self, tenant_id: str, report: DeploymentReport, key: CallKey | None) -> DeploymentReported:
        """Record a report on the tenant's latest deployment, or on the one that it names."""
        values = {
            "status": report.status,
            "deployed_at": _usable(report.deployed_at, datetime.now(UTC)),
            "correlation_id": request_context.current().request_id,
        }
        with request_context.timed("database"):
            async with idempotent(self._database, key, DeploymentReported) as call:
                if call.first_answer is not None:
                    return call.first_answer
                # The tenant's row lock serializes the reports on it, so that their number stays bounded.
                tenant = found_tenant(await tenants.find_tenant(call.connection, tenant_id, lock=True), tenant_id)
                deployment = await _deployment(call.connection, tenant_id, report.deployment_id)
                deployment_id = deployment.deployment_id if deployment else None
                await insert_report(call.connection, tenant.id, deployment_id, values)
                await record(
                    call.connection,
                    "reportDeployment",
                    tenant_id=tenant_id,
                    deployment_id=deployment_id,
                    after=report.model_dump(mode="json", include={"status", "deployed_at"}),
                )
                reported = await reported_state(call.connection, tenant, deployment)
                assert reported is not None  # noqa: S101 - it was just written
                status, overall = observed(tenant, deployment)
                answer = call.keep(
                    DeploymentReported(
                        tenant_id=tenant_id,
                        deployment_id=deployment_id,
                        status=status,
                        overall_status=overall,
                        reported=reported,
                    )
                )
        request_context.current().tenant_id = tenant_id
        _log.info(
            f"A pipeline reported {report.status}",
            action="deployment-reported",
            tenant_id=tenant_id,
            deployment_id=deployment_id,
            contradiction=reported.contradiction,
        )
        return answer


async def _deployment(connection: AsyncConnection, tenant_id: str, deployment_id: str | None) -> Row[Any] | None:
    """The named deployment, or the latest one. Raises Refused for another tenant's."""
    if deployment_id is None:
        return await deployments.latest_deployment(connection, tenant_id)
    return await named_deployment(connection, tenant_id, deployment_id, "deployment_id")


def _usable(time: datetime | None, now: datetime) -> datetime | None:
    """The time with a zone. Raises Refused for one that can't be."""
    if time is None:
        return None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    if not _EARLIEST <= aware <= now + _AHEAD:
        english = "must lie between {earliest} and now"
        raise invalid("deployed_at", sentence("deployed-at-out-of-range", english, earliest=f"{_EARLIEST:%Y-%m-%d}"))
    return aware

"""The reports of pipelines as part of an answer, beside what is observed."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments.observed import services_in, services_lately
from services.gateway.deployments.outcome import OverallStatus, contradiction, overall_status
from services.gateway.deployments.report_repository import list_reports
from services.gateway.deployments.schemas import ReportedState, StatusReport
from services.gateway.http.language import translator
from shared.events import ServiceReadiness
from shared.events.statuses import ENDED, DeploymentStatus


async def reported_state(connection: AsyncConnection, tenant: Any, deployment: Any | None) -> ReportedState | None:
    """The latest report with its contradiction, and the earlier ones; None without any."""
    reports = await list_reports(connection, tenant.id, deployment.deployment_id if deployment else None)
    if not reports:
        return None
    reason = contradiction(reports[0], deployment, _services(tenant, deployment))
    latest, *earlier = [StatusReport(**each._asdict()) for each in reports]
    return ReportedState(**dict(latest), contradiction=translator().text(*reason) if reason else None, earlier=earlier)


def observed(tenant: Any, deployment: Any | None) -> tuple[DeploymentStatus, OverallStatus]:
    """The status of a deployment, and the whole; a tenant that was never deployed is pending."""
    if deployment is None:
        return "pending", "pending"
    services = _services(tenant, deployment)
    return deployment.status, overall_status(deployment.operation, deployment.status, services)


def _services(tenant: Any, deployment: Any | None) -> dict[str, ServiceReadiness]:
    """The services after the end of the deployment; while it goes on, its own progress counts."""
    if deployment is None:
        return services_lately(tenant.sla, datetime.now(UTC))
    return services_in(tenant.sla, since=deployment.updated_at) if deployment.status in ENDED else {}

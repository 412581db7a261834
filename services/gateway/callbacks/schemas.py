"""A pipeline's report, and the answer to it."""

from datetime import datetime

from pydantic import ConfigDict, Field

from services.gateway.deployments.outcome import OverallStatus, ReportedStatus
from services.gateway.deployments.schemas import ReportedState
from shared.events.statuses import DeploymentStatus
from shared.tenants import Model


class DeploymentReport(Model):
    """The result of a deployment that a pipeline made, such as by `kubectl apply`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "completed", "deployed_at": "2024-01-20T15:00:00Z"}]}
    )

    status: ReportedStatus
    deployed_at: datetime | None = None
    """When; without a zone it is UTC."""
    deployment_id: str | None = Field(default=None, min_length=1, max_length=64, examples=["dep-0123456789ab"])
    """null: the tenant's latest one."""


class DeploymentReported(Model):
    """The recorded report, beside what is observed."""

    tenant_id: str
    deployment_id: str | None
    """null for a tenant that this system has never deployed."""
    status: DeploymentStatus
    """The observed one: a report doesn't change it."""
    overall_status: OverallStatus
    reported: ReportedState

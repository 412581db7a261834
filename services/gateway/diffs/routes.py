"""`/api/v1/deployments/{id}/diff`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.gateway.diffs.queries import DiffQueries
from services.gateway.diffs.schemas import DeploymentDiff
from services.gateway.http.parameters import DeploymentPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["deployments"])
Against = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=100,
        description="The deployment of the same tenant to compare with; by default the one before",
        examples=["dep-0123456789ab"],
    ),
]


async def _queries(context: CurrentMode) -> DiffQueries:
    return DiffQueries(context)


@router.get(
    "/deployments/{deployment_id}/diff",
    summary="Get the changes of a deployment",
    responses=answers(
        "DEPLOYMENT_NOT_FOUND", "CONFLICT", "MANIFEST_INVALID", "DATABASE_ERROR", "DEPENDENCY_UNAVAILABLE"
    ),
)
async def get_deployment_diff(
    deployment_id: DeploymentPath, queries: Annotated[DiffQueries, Depends(_queries)], against: Against = None
) -> DeploymentDiff:
    """By object and field, with old and new values; values of Secrets are hidden."""
    return await queries.between(deployment_id, against)

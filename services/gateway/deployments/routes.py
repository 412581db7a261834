"""The routes `/api/v1/tenants/{id}/deployment-status`, `.../deployments` and `/api/v1/deployments/...`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.gateway.deployments.queries import DeploymentQueries
from services.gateway.deployments.schemas import Deployment, DeploymentEvents, DeploymentList, DeploymentState
from services.gateway.http.parameters import DeploymentPath, Limit, Skip, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["deployments"])


async def _queries(context: CurrentMode) -> DeploymentQueries:
    return DeploymentQueries(context)


Queries = Annotated[DeploymentQueries, Depends(_queries)]


@router.get(
    "/tenants/{tenant_id}/deployment-status",
    summary="Get the deployment status",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_deployment_status(tenant_id: TenantPath, queries: Queries) -> DeploymentState:
    """The progress of the tenant's latest operation, what it waits for, and its log."""
    return await queries.state(tenant_id)


@router.get(
    "/tenants/{tenant_id}/deployments",
    summary="List a tenant's deployments",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def list_deployments(
    tenant_id: TenantPath, queries: Queries, skip: Skip = 0, limit: Limit = 100
) -> DeploymentList:
    """All operations on the tenant, newest first, including deletions."""
    return await queries.of_tenant(tenant_id, skip=skip, limit=limit)


@router.get(
    "/deployments/{deployment_id}",
    summary="Get a deployment",
    responses=answers("DEPLOYMENT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_deployment(deployment_id: DeploymentPath, queries: Queries) -> Deployment:
    """One operation on a tenant, with its status and progress."""
    return await queries.one(deployment_id)


@router.get(
    "/deployments/{deployment_id}/events",
    summary="Get a deployment's log",
    responses=answers("DEPLOYMENT_NOT_FOUND", "DATABASE_ERROR"),
)
async def list_deployment_events(
    deployment_id: DeploymentPath,
    queries: Queries,
    since: Annotated[int, Query(ge=0, le=2**62, description="The `seq` of the last message that is known")] = 0,
) -> DeploymentEvents:
    """The messages of its WebSocket after the sequence `since`."""
    return await queries.events(deployment_id, since=since)

"""Deployments: `/api/v1/tenants/{id}/deploy...` and `/api/v1/deployments/...`"""

from typing import Annotated

from fastapi import APIRouter, Query

from services.gateway.deployments.schemas import (
    DeployAccepted,
    Deployment,
    DeploymentEvents,
    DeploymentList,
    DeploymentState,
)
from services.gateway.http.parameters import DeploymentPath, IdempotencyKey, InMode, Limit, PartsOf, Skip, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.calls import once
from services.gateway.tenants.schemas import DeployRequest

router = APIRouter(tags=["deployments"])


@router.get(
    "/tenants/{tenant_id}/deployment-status",
    summary="How far the deployment is",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_deployment_status(tenant_id: TenantPath, parts: PartsOf, mode: InMode) -> DeploymentState:
    """Of the tenant's latest operation."""
    return await parts.queries.deployment_state(mode, tenant_id)


@router.post(
    "/tenants/{tenant_id}/deploy",
    status_code=202,
    summary="Deploy a tenant",
    responses=answers(
        "TENANT_NOT_FOUND", "CONFLICT", "INSUFFICIENT_RESOURCES", "DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True
    ),
)
async def deploy(
    tenant_id: TenantPath,
    parts: PartsOf,
    mode: InMode,
    request: DeployRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> DeployAccepted:
    """The present revision, once more or for the first time."""
    request = request or DeployRequest()
    call = once(f"POST /tenants/{tenant_id}/deploy", idempotency_key, request)
    return await parts.commands.deploy(mode, tenant_id, request, call)


@router.get(
    "/tenants/{tenant_id}/deployments",
    summary="A tenant's deployments",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def list_deployments(
    tenant_id: TenantPath, parts: PartsOf, mode: InMode, skip: Skip = 0, limit: Limit = 100
) -> DeploymentList:
    """The newest first; deletions are among them."""
    return await parts.queries.deployments(mode, tenant_id, skip=skip, limit=limit)


@router.get(
    "/deployments/{deployment_id}",
    summary="A deployment",
    responses=answers("DEPLOYMENT_NOT_FOUND", "DATABASE_ERROR"),
)
async def get_deployment(deployment_id: DeploymentPath, parts: PartsOf, mode: InMode) -> Deployment:
    """Its state."""
    return await parts.queries.deployment(mode, deployment_id)


@router.get(
    "/deployments/{deployment_id}/events",
    summary="A deployment's log",
    responses=answers("DEPLOYMENT_NOT_FOUND", "DATABASE_ERROR"),
)
async def list_events(
    deployment_id: DeploymentPath,
    parts: PartsOf,
    mode: InMode,
    since: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> DeploymentEvents:
    """What its WebSocket has told, after the sequence `since`."""
    return await parts.queries.events(mode, deployment_id, since=since)

"""The route `/api/v1/tenants/adopt`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.gateway.adoption.commands import AdoptionCommands
from services.gateway.adoption.schemas import Adoption, AdoptRequest
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["deployments"])


async def _commands(context: CurrentMode) -> AdoptionCommands:
    return AdoptionCommands(context)


@router.post(
    "/tenants/adopt",
    summary="Adopt an existing namespace",
    responses=answers(
        "TENANT_NOT_FOUND",
        "TENANT_ALREADY_EXISTS",
        "CONFLICT",
        "MANIFEST_INVALID",
        "KUBERNETES_ERROR",
        "DATABASE_ERROR",
        "DEPENDENCY_UNAVAILABLE",
        "WORKER_UNAVAILABLE",
        body=True,
    )
    | {202: {"model": Adoption, "description": "The adoption was requested"}},
)
async def adopt_namespace(
    request: AdoptRequest, response: Response, commands: Annotated[AdoptionCommands, Depends(_commands)]
) -> Adoption:
    """A dry run (200) unless `dry_run` is false (202). No pod restarts, and nothing changes but labels."""
    adoption = await commands.adopt(request)
    response.status_code = 200 if request.dry_run else 202
    return adoption

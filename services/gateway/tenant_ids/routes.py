"""`/api/v1/tenants/check-duplicate`: by POST, and by GET as forms ask while a user types."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from services.gateway.tenant_ids.queries import TenantIdQueries
from services.gateway.tenant_ids.schemas import DuplicateCheck, IdAvailability

router = APIRouter(prefix="/tenants/check-duplicate", tags=["tenants"])
AnyId = Annotated[str, Path(max_length=200, description="The id to check", examples=["my-ai-service"])]


async def _queries(context: CurrentMode) -> TenantIdQueries:
    return TenantIdQueries(context)


Queries = Annotated[TenantIdQueries, Depends(_queries)]


@router.post("", summary="Check a tenant id", responses=answers("DATABASE_ERROR", body=True))
async def check_tenant_id(request: DuplicateCheck, queries: Queries) -> IdAvailability:
    """Whether a tenant can be created with the id. Nothing is reserved; creating it is the proof."""
    return await queries.check(request.tenant_id)


@router.get("/{tenant_id}", summary="Check a tenant id by its path", responses=answers("DATABASE_ERROR"))
async def check_tenant_id_in_path(tenant_id: AnyId, queries: Queries) -> IdAvailability:
    """The same for an id in the path."""
    return await queries.check(tenant_id)

"""`/api/v1/tenants/...`"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response

from services.gateway.http import request_context
from services.gateway.http.language import chosen
from services.gateway.http.parameters import IdempotencyKey, InMode, Limit, PartsOf, Skip, TenantPath
from services.gateway.http.schemas import answers
from services.gateway.idempotency.calls import once
from services.gateway.manifests.queries import ManifestQuestion
from services.gateway.tenants.schemas import (
    CalculatedResources,
    CalculateResources,
    SlaAnswer,
    TenantChange,
    TenantChanged,
    TenantCreate,
    TenantCreated,
    TenantDeletion,
    TenantDetail,
    TenantList,
    TenantStatus,
)
from shared.rpc import CalculateRequest

router = APIRouter(prefix="/tenants", tags=["tenants"])
_NAMESPACE = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_MEDIA_TYPES = {"yaml": "application/yaml", "json": "application/json"}
_MANIFEST_ANSWERS = {
    **answers("TENANT_NOT_FOUND", "MANIFEST_INVALID", "DATABASE_ERROR", "WORKER_UNAVAILABLE"),
    200: {"content": {"application/yaml": {}, "application/json": {}}, "description": "The manifest"},
    304: {"description": "The manifest is the one that If-None-Match names"},
}


async def _asked_manifest(
    *,
    form: Annotated[Literal["yaml", "json"], Query(alias="format")] = "yaml",
    include_monitoring: bool = True,
    include_ingress: bool = False,
    namespace: Annotated[str | None, Query(pattern=_NAMESPACE)] = None,
    prometheus_operator: bool | None = None,
    external_secrets: bool | None = None,
) -> ManifestQuestion:
    return ManifestQuestion(form, include_monitoring, include_ingress, namespace, prometheus_operator, external_secrets)


AskedManifest = Annotated[ManifestQuestion, Depends(_asked_manifest)]


@router.get("/", summary="List tenants", responses=answers("INVALID_PRESET", "DATABASE_ERROR"))
async def list_tenants(
    parts: PartsOf,
    mode: InMode,
    *,
    skip: Skip = 0,
    limit: Limit = 100,
    preset: str | None = None,
    status: TenantStatus | None = None,
) -> TenantList:
    """The newest first."""
    if preset is not None:
        parts.catalog.check_preset(preset)
    return await parts.queries.tenants(mode, skip=skip, limit=limit, preset=preset, state=status)


@router.post(
    "/",
    status_code=201,
    summary="Create a tenant",
    responses=answers(
        "TENANT_ALREADY_EXISTS",
        "INVALID_PRESET",
        "CONFLICT",
        "INSUFFICIENT_RESOURCES",
        "DATABASE_ERROR",
        "WORKER_UNAVAILABLE",
        body=True,
    ),
)
async def create_tenant(
    request: TenantCreate, parts: PartsOf, mode: InMode, idempotency_key: IdempotencyKey = None
) -> TenantCreated:
    """Sizes and stores the tenant, and begins its deployment unless `deploy` is false."""
    return await parts.commands.create(mode, request, once("POST /tenants/", idempotency_key, request))


@router.post(
    "/calculate-resources",
    summary="What would it take",
    responses=answers("INVALID_PRESET", "WORKER_UNAVAILABLE", body=True),
)
async def calculate_resources(request: CalculateResources, parts: PartsOf, mode: InMode) -> CalculatedResources:
    """Nothing is stored, and no tenant is needed."""
    parts.catalog.check_requirements(request.service_requirements)
    if request.preset is not None:
        parts.catalog.check_preset(request.preset)
    if request.gpu_type is not None:
        parts.catalog.check_gpu_type(request.gpu_type)
    sizing = await parts.questions.size(mode, CalculateRequest(**dict(request)))
    return CalculatedResources.model_validate(chosen(sizing.model_dump(), request_context.current().language))


@router.get("/{tenant_id}", summary="A tenant", responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"))
async def get_tenant(tenant_id: TenantPath, parts: PartsOf, mode: InMode) -> TenantDetail:
    """With its services, resources and SLA target."""
    return await parts.queries.detail(mode, tenant_id)


@router.put(
    "/{tenant_id}",
    status_code=202,
    summary="Change a tenant",
    responses=answers(
        "TENANT_NOT_FOUND",
        "INVALID_PRESET",
        "CONFLICT",
        "INSUFFICIENT_RESOURCES",
        "DATABASE_ERROR",
        "WORKER_UNAVAILABLE",
        body=True,
    ),
)
async def change_tenant(tenant_id: TenantPath, change: TenantChange, parts: PartsOf, mode: InMode) -> TenantChanged:
    """Absent fields stay, given ones replace the whole field. The new revision is sized and rolled out."""
    return await parts.commands.change(mode, tenant_id, change)


@router.delete(
    "/{tenant_id}",
    status_code=202,
    summary="Delete a tenant",
    responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"),
)
async def delete_tenant(tenant_id: TenantPath, parts: PartsOf, mode: InMode, force: bool = False) -> TenantDeletion:
    """Removes it from its target, then here. `force` doesn't wait for finalizers."""
    return await parts.commands.delete(mode, tenant_id, force=force)


@router.get("/{tenant_id}/manifest", summary="The manifest", responses=_MANIFEST_ANSWERS, response_class=Response)
async def get_manifest(
    tenant_id: TenantPath,
    question: AskedManifest,
    parts: PartsOf,
    mode: InMode,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Its ETag is the manifest's digest."""
    reply = await parts.manifests.render(mode, tenant_id, question)
    etag = f'"{reply.digest}"'
    if if_none_match is not None and (reply.digest in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(reply.text, media_type=_MEDIA_TYPES[question.form], headers={"ETag": etag})


@router.post("/{tenant_id}/manifest", summary="Render anew", responses=_MANIFEST_ANSWERS, response_class=Response)
async def render_manifest(tenant_id: TenantPath, question: AskedManifest, parts: PartsOf, mode: InMode) -> Response:
    """As the GET, but always the whole text."""
    return await get_manifest(tenant_id, question, parts, mode)


@router.get("/{tenant_id}/sla", summary="The SLA so far", responses=answers("TENANT_NOT_FOUND", "DATABASE_ERROR"))
async def get_sla(tenant_id: TenantPath, parts: PartsOf, mode: InMode) -> SlaAnswer:
    """What the monitor reported last."""
    return await parts.queries.sla(mode, tenant_id)

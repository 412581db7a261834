"""`/api/v1/tenants/{id}/manifest` and `.../package`, and `/api/v1/tenants/validate-manifest` for any manifest."""

import dataclasses
import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response

from services.gateway.http.etags import is_current
from services.gateway.http.language import translator
from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.manifests.queries import ManifestOptions, ManifestQueries
from services.gateway.manifests.schemas import ValidatedManifest, ValidateManifest, answer_of
from services.gateway.mode_context import CurrentMode
from shared.kube.targets import SIMULATOR
from shared.rpc import ValidateRequest

router = APIRouter(prefix="/tenants", tags=["manifests"])
_NAMESPACE = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_MEDIA_TYPES = {"yaml": "application/yaml", "json": "application/json"}
_ANSWERS = {
    **answers("TENANT_NOT_FOUND", "MANIFEST_INVALID", "DATABASE_ERROR", "WORKER_UNAVAILABLE"),
    200: {
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object", "description": "A Kubernetes List"}},
        },
        "description": "The manifest",
    },
    304: {"description": "The manifest has the digest that If-None-Match names"},
}
_IF_NONE_MATCH = Header(
    alias="If-None-Match", description="The ETag of an earlier answer", json_schema_extra={"maxLength": 8192}
)

_PACKAGE_ANSWERS = {
    **_ANSWERS,
    200: {
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        "description": "The package",
    },
    304: {"description": "The package has the digest that If-None-Match names"},
}


async def _options(
    *,
    form: Annotated[Literal["yaml", "json"], Query(alias="format", description="JSON is a `kind: List`")] = "yaml",
    include_monitoring: Annotated[bool, Query(description="Ports, annotations and rules for Prometheus")] = True,
    include_ingress: Annotated[bool, Query(description="An Ingress for each service that has clients")] = False,
    namespace: Annotated[str | None, Query(pattern=_NAMESPACE, description="Another one than the tenant's own")] = None,
    prometheus_operator: Annotated[bool | None, Query(description="Objects of the Prometheus Operator")] = None,
    external_secrets: Annotated[bool | None, Query(description="Credentials from External Secrets")] = None,
) -> ManifestOptions:
    return ManifestOptions(form, include_monitoring, include_ingress, namespace, prometheus_operator, external_secrets)


async def _queries(context: CurrentMode) -> ManifestQueries:
    return ManifestQueries(context)


Options = Annotated[ManifestOptions, Depends(_options)]
Queries = Annotated[ManifestQueries, Depends(_queries)]


@router.post("/validate-manifest", summary="Validate a manifest", responses=answers("WORKER_UNAVAILABLE", body=True))
async def validate_manifest(request: ValidateManifest, queries: Queries) -> ValidatedManifest:
    """Text, schema, semantics, security and capacity. An invalid manifest is answered with 200 and `valid: false`."""
    queries.check_target(request.target)
    target = request.target or SIMULATOR
    reply = await queries.validate(
        ValidateRequest(
            manifest=request.manifest_content,
            tenant_id=request.tenant_id,
            strict_validation=await queries.is_strict(request),
            target_simulator=request.target_simulator,
            kubernetes_version=request.kubernetes_version,
            target=target if request.check_capacity else None,
        ),
        target,
    )
    return answer_of(reply, translator())


@router.get("/{tenant_id}/manifest", summary="Get the manifest", responses=_ANSWERS, response_class=Response)
async def get_manifest(
    tenant_id: TenantPath,
    options: Options,
    queries: Queries,
    if_none_match: Annotated[str | None, _IF_NONE_MATCH] = None,
) -> Response:
    """The manifest of the current revision. Its ETag is the manifest's digest."""
    reply = await queries.render(tenant_id, options)
    etag = f'"{reply.digest}"'
    if is_current(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(reply.text, media_type=_MEDIA_TYPES[options.form], headers={"ETag": etag})


@router.post("/{tenant_id}/manifest", summary="Render the manifest", responses=_ANSWERS, response_class=Response)
async def render_manifest(tenant_id: TenantPath, options: Options, queries: Queries) -> Response:
    """The same as the GET, but always with the whole text."""
    return await get_manifest(tenant_id, options, queries)


@router.get("/{tenant_id}/package", summary="Get a package", responses=_PACKAGE_ANSWERS, response_class=Response)
async def get_package(
    tenant_id: TenantPath,
    options: Options,
    queries: Queries,
    if_none_match: Annotated[str | None, _IF_NONE_MATCH] = None,
) -> Response:
    """The manifest of the current revision as a zip for `kubectl apply -k`, with README, findings and checksums."""
    body = await queries.package(tenant_id, dataclasses.replace(options, form="yaml"))
    headers = {
        "ETag": f'"sha256:{hashlib.sha256(body).hexdigest()}"',
        "Content-Disposition": f'attachment; filename="{tenant_id}.zip"',
    }
    if is_current(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/zip", headers=headers)

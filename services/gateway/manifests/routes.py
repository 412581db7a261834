"""`POST /api/v1/tenants/validate-manifest`: any manifest, without a tenant being touched."""

from fastapi import APIRouter

from services.gateway.http import request_context
from services.gateway.http.parameters import InMode, PartsOf
from services.gateway.http.schemas import answers
from services.gateway.manifests.schemas import ValidatedManifest, ValidateManifest, answer_of
from shared.rpc import ValidateRequest

router = APIRouter(prefix="/tenants", tags=["tenants"])
_SIMULATOR = "simulator"


@router.post("/validate-manifest", summary="Validate a manifest", responses=answers("WORKER_UNAVAILABLE", body=True))
async def validate_manifest(request: ValidateManifest, parts: PartsOf, mode: InMode) -> ValidatedManifest:
    """Text, schema, semantics, security and capacity. A faulty manifest is answered with 200 and `valid: false`."""
    target = request.target or _SIMULATOR
    question = ValidateRequest(
        manifest=request.manifest_content,
        tenant_id=request.tenant_id,
        strict_validation=request.strict_validation,
        target_simulator=request.target_simulator,
        kubernetes_version=request.kubernetes_version,
        target=target if request.check_capacity else None,
    )
    reply = await parts.questions.validate(mode, question)
    return answer_of(reply, request_context.current().language)

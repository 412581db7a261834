"""Handlers of events and requests: render, validate, store, and publish or return the result."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from services.manifest.rendering import digest, summary, to_json, to_stored, to_yaml
from services.manifest.validation import ValidationOptions, validate_objects, validate_text
from shared.bus import Delivery
from shared.catalog import Catalog
from shared.errors import DependencyUnavailable, PermanentError, Refused
from shared.events import (
    DeploymentContext,
    DeployOptions,
    Event,
    ManifestRejected,
    ManifestRendered,
    ResourcesCalculated,
)
from shared.kube.definitions import DEFAULT_VERSION
from shared.kube.objects import Obj
from shared.messages import problem, sentence
from shared.rpc import CapacityReply, Finding, RenderReply, RenderRequest, ValidateReply, ValidateRequest
from shared.sizing import Sizing
from shared.subjects import Mode
from shared.tenants import TenantSpec

Renderer = Callable[[TenantSpec, Sizing, DeployOptions, str | None], list[Obj]]
"""`rendering.render` with this service's catalogue and settings."""
Validator = Callable[[Sequence[Obj]], ValidateReply]
"""Validates rendered objects, which are never deployed if they have an error."""
AskCapacity = Callable[[str], Awaitable[CapacityReply]]
"""The capacity of a target. Raises DependencyUnavailable or a PermanentError."""

KUBERNETES_VERSIONS = tuple(f"1.{minor}" for minor in range(28, 38))
"""The versions that a manifest can be validated for."""

_log = structlog.get_logger(__name__)


class ManifestWriter(Protocol):
    """Stores manifests of one mode."""

    async def keep(self, digest: str, text: str) -> None:
        """Store a text under its digest. Raises DependencyUnavailable."""


async def render_manifest(
    event: ResourcesCalculated,
    delivery: Delivery,
    *,
    renderer: Renderer,
    validator: Validator,
    stores: Mapping[Mode, ManifestWriter],
) -> list[Event]:
    """Render and validate a deployment's manifest, and store it before the event that names it.

    A sizing without a deployment has no manifest.
    """
    if event.deployment is None:
        return []
    log = _log.bind(tenant_id=event.tenant_id, deployment_id=event.deployment.deployment_id)
    try:
        objects = renderer(event.spec, event.sizing, event.deployment.options, None)
        verdict = validator(objects)
        if not verdict.valid:
            raise _invalid(verdict)
    except Refused as error:
        log.info(f"Rendering refused: {error.message}", action="rendering-refused", code=error.code)
        return [_rejected(event.tenant_id, event.deployment, error)]
    text = to_stored(objects)
    name = digest(text)
    await stores[delivery.mode].keep(name, text)
    log.info(f"Rendered {len(objects)} objects.", action="rendered", digest=name)
    return [
        ManifestRendered(
            tenant_id=event.tenant_id,
            deployment=event.deployment,
            digest=name,
            summary=summary(objects),
            findings=tuple(describe(each) for each in verdict.findings),
        )
    ]


def _rejected(tenant_id: str, deployment: DeploymentContext, error: Refused) -> ManifestRejected:
    findings = tuple(error.details.get("findings", ()))
    return ManifestRejected(
        tenant_id=tenant_id, deployment=deployment, code=error.code, message=error.message, findings=findings
    )


async def answer_render(request: RenderRequest, mode: Mode, *, renderer: Renderer) -> RenderReply:
    """Answer `rpc.render`; the digest is that of the text in the requested format."""
    objects = renderer(request.spec, request.sizing, request.options, request.namespace)
    text = to_json(objects) if request.format == "json" else to_yaml(objects)
    return RenderReply(text=text, digest=digest(text), summary=summary(objects))


def validate_rendered(objects: Sequence[Obj], *, catalog: Catalog) -> ValidateReply:
    """Validate rendered objects by the same rules as a user's manifest."""
    return validate_objects(objects, ValidationOptions(), catalog)


async def answer_validate(
    request: ValidateRequest, mode: Mode, *, catalog: Catalog, ask_capacity: Mapping[Mode, AskCapacity]
) -> ValidateReply:
    """Answer `rpc.validate`, in a thread, since a large manifest takes a second of CPU time."""
    capacity = await _capacity(request.target, ask_capacity[mode])
    options = ValidationOptions(
        tenant_id=request.tenant_id,
        strict=request.strict_validation,
        simulator=request.target_simulator,
        version=_version(request.kubernetes_version),
        capacity=capacity,
    )
    return await asyncio.to_thread(validate_text, request.manifest, options, catalog)


async def _capacity(target: str | None, ask: AskCapacity) -> CapacityReply | str | None:
    """The reply, or the reason why there is none: an unavailable cluster must not prevent a validation."""
    if target is None:
        return None
    try:
        return await ask(target)
    except (DependencyUnavailable, PermanentError) as error:
        return error.message


def _version(wanted: str | None) -> str:
    """The definitions' version for `1.31`, `v1.31` or `1.31.4`. Raises Refused."""
    if wanted is None:
        return DEFAULT_VERSION
    minor = ".".join(wanted.removeprefix("v").split(".")[:2])
    if minor not in KUBERNETES_VERSIONS:
        reason = sentence("one-of", "must be one of {allowed}", allowed=", ".join(KUBERNETES_VERSIONS))
        details = {"errors": [problem("kubernetes_version", reason)]}
        raise Refused(f"kubernetes_version {reason.english}", details=details)
    return f"{minor}.0"


def describe(finding: Finding) -> str:
    """A finding on one line: `SELECTS_NOTHING Service x/y /spec/selector: ...`."""
    place = " ".join(part for part in (finding.code, finding.object, finding.pointer) if part)
    return f"{place}: {finding.message}"


def _invalid(verdict: ValidateReply) -> Refused:
    """A refusal with all findings, and the first errors as its reason."""
    errors = [describe(each) for each in verdict.findings if each.severity == "error"]
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    message = f"The manifest is not valid: {'; '.join(errors[:3])}{more}"
    details = {"findings": [describe(each) for each in verdict.findings]}
    return Refused(message, code="MANIFEST_INVALID", details=details)

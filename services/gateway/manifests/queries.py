"""Renders and validates manifests by the same workers that deployments go through. Nothing is stored."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from services.gateway.durations.estimates import DurationEstimates
from services.gateway.http.language import translator
from services.gateway.manifests.package import package
from services.gateway.manifests.package_readme import Summary
from services.gateway.manifests.schemas import ValidateManifest, answer_of
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.queries import TenantQueries
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.rules import spec_of_row
from services.gateway.tenants.targets import TargetChoice
from shared.kube.targets import SIMULATOR
from shared.namespaces import check_namespace
from shared.rpc import RenderReply, RenderRequest, ValidateReply, ValidateRequest


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """How a manifest is rendered. None takes the option of the tenant's last deployment."""

    form: Literal["yaml", "json"]
    include_monitoring: bool
    include_ingress: bool
    namespace: str | None
    """None: the tenant's own namespace."""
    prometheus_operator: bool | None = None
    external_secrets: bool | None = None


class ManifestQueries:
    """Manifests of one mode. Each raises Refused, or DependencyUnavailable while a worker or PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._tenants = TenantQueries(context)
        self._workers = context.workers
        self._database = context.database
        self._settings = context.mode_settings
        self._estimates = DurationEstimates(context.catalog)
        self._targets = TargetChoice(context.mode, context.settings.has_kubernetes)

    async def is_strict(self, request: ValidateManifest) -> bool:
        """Whether to validate strictly: by the mode's settings, unless the request chooses."""
        if "strict_validation" in request.model_fields_set:
            return request.strict_validation
        return (await self._settings.get()).kubernetes.validation_strict

    async def render(self, tenant_id: str, options: ManifestOptions) -> RenderReply:
        """The manifest of the tenant's current revision, deployed or not."""
        return await self._render(await self._row(tenant_id, options), options)

    async def package(self, tenant_id: str, options: ManifestOptions) -> bytes:
        """The manifest of the current revision with its checks, as a zip."""
        row = await self._row(tenant_id, options)
        rendered = await self._render(row, options)
        # Without the cluster's capacity, which would give the same revision another package at another time.
        verdict = await self.validate(
            ValidateRequest(manifest=rendered.text, tenant_id=None if options.namespace else tenant_id)
        )
        namespace = options.namespace or spec_of_row(row).namespace
        summary = Summary(tenant_id, namespace, row.revision, rendered.digest)
        texts = translator()
        return await asyncio.to_thread(package, rendered.text, answer_of(verdict, texts), summary, texts)

    async def _row(self, tenant_id: str, options: ManifestOptions) -> TenantRow:
        if options.namespace is not None:
            check_namespace(options.namespace, tenant_id)
        return await self._tenants.row(tenant_id)

    async def _render(self, row: TenantRow, options: ManifestOptions) -> RenderReply:
        spec = self._tenants.deployed_spec(row)
        given = {
            "include_monitoring": options.include_monitoring,
            "include_ingress": options.include_ingress,
            "prometheus_operator": options.prometheus_operator,
            "external_secrets": options.external_secrets,
        }
        changes = {name: each for name, each in given.items() if each is not None}
        request = RenderRequest(
            spec=spec,
            sizing=await self._tenants.sizing_of(row),
            options=row.stored_options.model_copy(update=changes),
            namespace=options.namespace,
            format=options.form,
        )
        return await self._workers.render(request)

    def check_target(self, target: str | None) -> None:
        """Raise Refused for a target that this mode doesn't have."""
        self._targets.choose(target)

    async def validate(self, request: ValidateRequest, target: str = SIMULATOR) -> ValidateReply:
        """The findings in any manifest, of a tenant or not, and how long it takes to deploy it to `target`."""
        reply = await self._workers.validate(request)
        pods = reply.resource_summary.estimated_pods
        time = await self._estimates.measured_text(self._database, target, pods, reply.deployment_time)
        return reply.model_copy(update={"deployment_time": time})

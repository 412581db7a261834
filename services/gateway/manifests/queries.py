"""Renders and validates manifests by the same workers that deployments go through. Nothing is stored."""

from dataclasses import dataclass
from typing import Literal

from services.gateway.mode_context import ModeContext
from services.gateway.tenants.queries import TenantQueries
from services.gateway.tenants.rules import spec_of_row
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

    async def render(self, tenant_id: str, options: ManifestOptions) -> RenderReply:
        """The manifest of the tenant's current revision, deployed or not."""
        if options.namespace is not None:
            check_namespace(options.namespace, tenant_id)
        row = await self._tenants.row(tenant_id)
        spec = spec_of_row(row)
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

    async def validate(self, request: ValidateRequest) -> ValidateReply:
        """The findings in any manifest, of a tenant or not."""
        return await self._workers.validate(request)

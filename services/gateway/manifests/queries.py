"""Renders a tenant's manifest on demand, by the workers that deployments go through."""

from dataclasses import dataclass
from typing import Literal

from services.gateway.tenants import rules as tenancy
from services.gateway.tenants.queries import Queries
from services.gateway.tenants.transactions import stored_options
from services.gateway.workers import Questions
from shared.namespaces import check_namespace
from shared.rpc import RenderReply, RenderRequest
from shared.sizing import Sizing
from shared.subjects import Mode


@dataclass(frozen=True, slots=True)
class ManifestQuestion:
    """How a manifest is to look. Without a namespace it is the tenant's own."""

    form: Literal["yaml", "json"]
    include_monitoring: bool
    include_ingress: bool
    namespace: str | None
    prometheus_operator: bool | None = None
    external_secrets: bool | None = None
    """None: as the tenant was made."""


class Manifests:
    """The manifest of a tenant as it is now, deployed or not."""

    def __init__(self, queries: Queries, questions: Questions) -> None:
        self._queries = queries
        self._questions = questions

    async def render(self, mode: Mode, tenant_id: str, asked: ManifestQuestion) -> RenderReply:
        """Raises Refused, or DependencyUnavailable when a worker or PostgreSQL is away."""
        if asked.namespace is not None:
            check_namespace(asked.namespace, tenant_id)
        row = await self._queries.tenant(mode, tenant_id)
        spec = tenancy.spec_of_row(row)
        chosen = {
            "include_monitoring": asked.include_monitoring,
            "include_ingress": asked.include_ingress,
            "prometheus_operator": asked.prometheus_operator,
            "external_secrets": asked.external_secrets,
        }
        options = stored_options(row).model_copy(
            update={name: each for name, each in chosen.items() if each is not None}
        )
        # One inserted by hand has not been sized; that it is shown changes nothing of it.
        sizing = Sizing.model_validate(row.sizing) if row.sizing else await self._questions.size_spec(mode, spec)
        request = RenderRequest(spec=spec, sizing=sizing, options=options, namespace=asked.namespace, format=asked.form)
        return await self._questions.render(mode, request)

"""Renders a tenant as a deployment would, and has the deployer compare that with the cluster. Nothing is stored."""

from services.gateway.deployments.restarts import restarted
from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.tenant_diff.schemas import TenantDiff
from services.gateway.tenants.queries import TenantQueries
from services.gateway.tenants.targets import TargetChoice
from shared.rpc import DiffRequest, RenderRequest


class TenantDiffQueries:
    """The diffs of one mode. Each raises Refused, or DependencyUnavailable while something that it needs is away."""

    def __init__(self, context: ModeContext) -> None:
        self._tenants = TenantQueries(context)
        self._workers = context.workers
        self._targets = TargetChoice(context.mode, context.settings.has_kubernetes)

    async def of_tenant(self, tenant_id: str) -> TenantDiff:
        """What `POST /tenants/{id}/deploy` would change now."""
        row = await self._tenants.row(tenant_id)
        target, notes = self._targets.choose(None, row.target)
        spec, options = self._tenants.deployed_spec(row), row.stored_options
        sizing = await self._workers.size_spec(spec)
        rendered = await self._workers.render(RenderRequest(spec=spec, sizing=sizing, options=options))
        found = await self._workers.diff(
            DiffRequest(
                target=target,
                tenant_id=row.tenant_id,
                manifest=rendered.text,
                prune=options.prune,
                force=options.force_conflicts,
            )
        )
        return TenantDiff(
            changes=found.changes,
            summary=found.summary,
            tenant_id=row.tenant_id,
            revision=row.revision,
            target=target,
            restarts=restarted(found.changes),
            skipped=list(found.skipped),
            notes=translator().sentences(notes),
        )

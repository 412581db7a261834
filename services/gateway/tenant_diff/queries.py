"""Renders a tenant as a deployment would, and has the deployer compare that with the cluster. Nothing is stored."""

from collections.abc import Iterable

from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.tenant_diff.schemas import TenantDiff
from services.gateway.tenants.queries import TenantQueries
from services.gateway.tenants.targets import TargetChoice
from shared.changes import ObjectChange
from shared.rpc import DiffRequest, RenderRequest

_TEMPLATE = ".spec.template."
"""The fields of a workload that make it replace its pods."""
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


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


def restarted(changes: Iterable[ObjectChange]) -> list[str]:
    """The workloads whose pods a deployment would replace."""
    return [
        f"{each.kind} {each.name}"
        for each in changes
        if each.kind in _WORKLOADS and any(field.path.startswith(_TEMPLATE) for field in each.fields)
    ]

"""Adopts a namespace: inspects it, derives a specification, shows what follows, and requests the adoption.

The deployer alone reads and changes the cluster. A dry run stores nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from services.gateway.access.visibility import check_visible
from services.gateway.adoption import rules
from services.gateway.adoption.schemas import Adoption, AdoptRequest
from services.gateway.adoption.transactions import store, tenant_of_earlier
from services.gateway.deployments.new_deployment import NewDeployment
from services.gateway.deployments.restarts import restarted
from services.gateway.http import request_context
from services.gateway.http.errors import conflict, invalid
from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.requests import RequestSizing, SizedRequest
from services.gateway.tenants.rules import valid_spec
from services.gateway.tenants.targets import TargetChoice
from shared.changes import Changes
from shared.choices.services import ServiceOptions
from shared.messages import Sentence, sentence
from shared.rpc import DiffRequest, FoundWorkload, InspectReply, InspectRequest, RenderRequest
from shared.tenants import TenantSpec

_log = structlog.get_logger(__name__)
_ESTIMATES = 4
"""Sizings until the estimated sessions need no more replicas than there are."""
_NAMED = 5
"""Objects that a note names."""


class PlannedAdoption(NamedTuple):
    """An adoption that is ready to be shown or requested."""

    request: SizedRequest
    found: InspectReply
    changes: Changes
    is_estimated: bool
    notes: Sequence[Sentence]


class AdoptionCommands:
    """The adoptions of one mode. Each raises Refused, or DependencyUnavailable while a worker or PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._context = context
        self._workers = context.workers
        self._targets = TargetChoice(context.mode, context.settings.has_kubernetes)
        self._sizing = RequestSizing(context)

    async def adopt(self, asked: AdoptRequest) -> Adoption:
        """Show what an adoption would do, or request it."""
        tenant_id = rules.tenant_of(asked.namespace)
        check_visible(tenant_id)
        async with self._context.database.begin() as connection:
            earlier = await tenant_of_earlier(connection, tenant_id)
        target, notes = self._targets.choose(asked.target, earlier.target if earlier is not None else None)
        found = await self._workers.inspect(InspectRequest(target=target, tenant_id=tenant_id))
        _check_adoptable(asked, found)
        planned = await self._plan(asked, tenant_id, found, notes)
        if asked.dry_run:
            return _answer(asked, planned, None)
        with request_context.timed("database"):
            async with self._context.database.begin() as connection:
                deployment = await store(connection, self._context, planned.request)
        request_context.current().tenant_id = tenant_id
        _log.info("Adoption requested", action="adopt-requested", tenant_id=tenant_id)
        return _answer(asked, planned, deployment)

    async def _plan(
        self, asked: AdoptRequest, tenant_id: str, found: InspectReply, notes: Sequence[Sentence]
    ) -> PlannedAdoption:
        services = rules.services_in(found.workloads, self._context.catalog)
        requirements = asked.service_requirements or await self._estimate(services, asked)
        plain = self._spec(asked, tenant_id, requirements, {})
        sizing = (await self._sizing.size(plain, found.target, asked.options, deploys=False)).sizing
        chosen, unexpressed = rules.options_of(services, sizing, self._context.catalog)
        spec = self._spec(asked, tenant_id, requirements, chosen)
        request = await self._sizing.size(spec, found.target, asked.options, deploys=False)
        rendered = await self._workers.render(
            RenderRequest(spec=request.deployed, sizing=request.sizing, options=asked.options)
        )
        changes, pruned = await self._next_deployment(asked, tenant_id, found, rendered.text)
        is_estimated = asked.service_requirements is None
        more = _notes(found, unexpressed, pruned, is_estimated=is_estimated)
        return PlannedAdoption(request, found, changes, is_estimated, [*notes, *more])

    async def _next_deployment(
        self, asked: AdoptRequest, tenant_id: str, found: InspectReply, manifest: str
    ) -> tuple[Changes, Sequence[str]]:
        """What the first deployment would change, and the adopted objects that it would delete."""
        shown = await self._workers.diff(
            DiffRequest(
                target=found.target,
                tenant_id=tenant_id,
                manifest=manifest,
                prune=asked.options.prune,
                force=asked.options.force_conflicts,
            )
        )
        # In a thread, since parsing a large manifest takes a tenth of a second.
        pruned = await asyncio.to_thread(rules.pruned, found.adopted, manifest) if asked.options.prune else []
        return rules.with_pruned(shown, pruned, asked.namespace), pruned

    async def _estimate(self, services: Mapping[str, FoundWorkload], asked: AdoptRequest) -> dict[str, int]:
        """Sessions that need no more replicas than there are, as far as a few sizings show."""
        requirements = rules.estimated_sessions(services, self._context.catalog)
        if not requirements:
            english = "the namespace has no running workload with the name of a service; give service_requirements"
            raise invalid("service_requirements", sentence("no-service-found", english))
        for _ in range(_ESTIMATES):
            spec = self._spec(asked, "estimate", requirements, {})
            fewer = rules.scaled_down(requirements, await self._workers.size_spec(spec), services)
            if fewer == requirements:
                break
            requirements = fewer
        return requirements

    def _spec(
        self, asked: AdoptRequest, tenant_id: str, requirements: Mapping[str, int], chosen: Mapping[str, ServiceOptions]
    ) -> TenantSpec:
        """Raises Refused for a name or description that a tenant can't have."""
        return valid_spec(
            {
                "tenant_id": tenant_id,
                "name": asked.name or tenant_id,
                "service_requirements": dict(requirements),
                "sla_target": asked.sla_target,
                "gpu_type": asked.gpu_type,
                "description": asked.description,
                "service_options": dict(chosen),
            }
        )


def _check_adoptable(asked: AdoptRequest, found: InspectReply) -> None:
    if not found.exists:
        english = "there is no namespace {namespace} on {target}"
        missing = sentence("namespace-missing", english, namespace=asked.namespace, target=found.target)
        raise invalid("namespace", missing)
    if found.conflicts and not asked.dry_run and not asked.options.force_conflicts:
        conflicts = "; ".join(found.conflicts)
        raise conflict(
            "adoption-conflicts",
            f"labels in {asked.namespace} belong to another tenant or tool: {conflicts}; "
            "options.force_conflicts replaces them",
            namespace=asked.namespace,
            conflicts=conflicts,
        )


def _notes(
    found: InspectReply, unexpressed: Sequence[str], pruned: Sequence[str], *, is_estimated: bool
) -> list[Sentence]:
    notes = []
    if is_estimated:
        english = "service_requirements are estimated from the replicas; give the sessions that you expect"
        notes.append(sentence("sessions-estimated", english))
    if unexpressed:
        english = "these values can't be kept as service_options: {names}"
        notes.append(sentence("options-unexpressed", english, names=", ".join(unexpressed)))
    if unlabelled := [each.name for each in found.workloads if not each.is_labelled]:
        english = (
            "the pods of {names} lack the tenant's label; their CPU and memory are measured from the next deployment"
        )
        notes.append(sentence("pods-unlabelled", english, names=", ".join(unlabelled)))
    if pruned:
        english = (
            "the next deployment deletes {count} adopted objects that its manifest doesn't have, such as {names}; "
            "options.prune false keeps them"
        )
        names = ", ".join(pruned[:_NAMED])
        notes.append(sentence("adopted-is-pruned", english, count=len(pruned), names=names))
    english = "the namespace is the tenant's after the adoption: deleting the tenant deletes what was adopted"
    notes.append(sentence("adopted-is-deleted", english))
    return notes


def _answer(asked: AdoptRequest, planned: PlannedAdoption, deployment: NewDeployment | None) -> Adoption:
    request, found, changes = planned.request, planned.found, planned.changes
    return Adoption(
        tenant_id=request.spec.tenant_id,
        namespace=asked.namespace,
        dry_run=asked.dry_run,
        deployment_id=deployment.deployment_id if deployment else None,
        status="pending" if deployment else None,
        target=request.target,
        service_requirements=request.spec.service_requirements,
        is_estimated=planned.is_estimated,
        service_options=request.spec.service_options,
        adopted=list(found.adopted),
        left_alone=list(found.left_alone),
        conflicts=list(found.conflicts),
        next_deployment=Changes(changes=changes.changes, summary=changes.summary),
        restarts=restarted(changes.changes),
        notes=[*translator().sentences(planned.notes), *request.notes],
    )

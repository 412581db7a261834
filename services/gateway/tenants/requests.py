"""What a create, change or deploy asks for, checked and sized before its transaction.

Sizing comes first, because nothing may be written without it and no lock should wait for a worker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.gateway.http import request_context
from services.gateway.http.language import translator
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.admission import Admission
from services.gateway.tenants.cluster_defaults import unused_choices, with_defaults
from shared.catalog import Catalog
from shared.choices import ServiceOptions
from shared.events import DeployOptions
from shared.messages import Sentence
from shared.sizing import Sizing
from shared.tenants import TenantSpec


@dataclass(frozen=True, slots=True)
class SizedRequest:
    """A request that is ready to be written."""

    spec: TenantSpec
    deployed: TenantSpec
    """The same with the defaults of its target."""
    sizing: Sizing
    target: str
    options: DeployOptions
    deploys: bool
    notes: tuple[str, ...]
    """For the caller, in its language: decisions that were made for it, and the sizing's warnings."""


class RequestSizing:
    """Checks requests against the catalogue, sizes them, and checks that they fit on their target."""

    def __init__(self, context: ModeContext) -> None:
        self._catalog = context.catalog
        self._workers = context.workers
        self._admission = Admission(context.workers, context.catalog)
        self._defaults = context.settings.cluster_defaults

    async def size(
        self, spec: TenantSpec, target: str, options: DeployOptions, *, deploys: bool, notes: Sequence[Sentence] = ()
    ) -> SizedRequest:
        """The sized request. `notes` are kept if it deploys, those of the body always.

        Raises Refused for a request that the catalogue doesn't know or the target has no room for, and
        DependencyUnavailable while the calculator is away.
        """
        check_known(self._catalog, spec.service_requirements, spec.preset, spec.gpu_type, spec.service_options)
        sizing = await self._workers.size_spec(spec)
        deployed = with_defaults(spec, self._defaults, target)
        decisions = [*request_context.current().notes, *(notes if deploys else ())]
        if deploys:
            room = self._admission.room_for(target, deployed, sizing)
            decisions += [*await self._admission.admit(room, options), *unused_choices(spec, options)]
        texts = translator()
        warnings = texts.texts(sizing.warnings, sizing.warning_messages)
        told = (*texts.sentences(decisions), *warnings)
        return SizedRequest(spec, deployed, sizing, target, options, deploys, told)


def check_known(
    catalog: Catalog,
    services: Mapping[str, int],
    preset: str | None,
    gpu_type: str | None,
    choices: Mapping[str, ServiceOptions],
) -> None:
    """Raise Refused for services, a preset or a GPU type that the catalogue doesn't have, and choices that can't be."""
    catalog.check_requirements(services)
    catalog.check_service_options(choices)
    if preset is not None:
        catalog.check_preset(preset)
    if gpu_type is not None:
        catalog.check_gpu_type(gpu_type)

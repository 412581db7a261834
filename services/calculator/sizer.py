"""Sizes with this process's catalogue and settings, and remembers what came out.

A tenant is sized when it is asked for, and again for each of the two events that follow. The same question has the same
answer for as long as the process lives, so it is worked out once. Copies remember for themselves.
"""

from dataclasses import replace
from functools import lru_cache

from services.calculator.options import DEFAULT, Options
from services.calculator.sizing import size
from shared.catalog import Catalog
from shared.rpc import CalculateRequest
from shared.sizing import Sizing
from shared.tenants import SlaTarget, TenantSpec

_REMEMBERED = 256
"""Answers; the largest takes about 100 kB."""


class Sizer:
    """Raises Refused, as `sizing.size` does; a refusal is worked out anew each time."""

    def __init__(self, catalog: Catalog, options: Options = DEFAULT) -> None:
        self._catalog = catalog
        self._options = options
        self._remembering = lru_cache(maxsize=_REMEMBERED)(self._size)

    def size_spec(self, spec: TenantSpec) -> Sizing:
        """What a tenant takes."""
        requirements = tuple(spec.service_requirements.items())
        return self._remembering(requirements, spec.sla_target, spec.preset, spec.gpu_type, self._options)

    def answer(self, request: CalculateRequest) -> Sizing:
        """What a tenant would take; a question may allow more than tenants get."""
        options = replace(self._options, gpu_sharing=request.gpu_sharing, unmeasured=request.allow_unmeasured)
        requirements = tuple(request.service_requirements.items())
        return self._remembering(requirements, request.sla_target, request.preset, request.gpu_type, options)

    def _size(
        self,
        requirements: tuple[tuple[str, int], ...],
        sla_target: SlaTarget,
        preset: str | None,
        gpu_type: str | None,
        options: Options,
    ) -> Sizing:
        return size(dict(requirements), sla_target, preset, gpu_type, self._catalog, options=options)

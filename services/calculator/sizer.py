"""Sizing with this process's catalogue and settings, cached.

A tenant is sized when it is created, and again for each of the two events that follow. The result depends on the
arguments alone, so it is computed once. Each copy has its own cache.
"""

from dataclasses import replace
from functools import lru_cache

from services.calculator.sizing.planning import PRODUCTION, SizingOptions
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import Catalog
from shared.rpc import CalculateRequest
from shared.sizing import Sizing
from shared.tenants import SlaTarget, TenantSpec

_CACHE_SIZE = 256
"""Results; the largest takes about 100 kB."""


class Sizer:
    """Raises Refused, as `sizing.size` does; a refusal is never cached."""

    def __init__(self, catalog: Catalog, options: SizingOptions = PRODUCTION) -> None:
        self._catalog = catalog
        self._options = options
        self._cached = lru_cache(maxsize=_CACHE_SIZE)(self._size)

    def size_spec(self, spec: TenantSpec) -> Sizing:
        """What a tenant takes."""
        requirements = tuple(spec.service_requirements.items())
        return self._cached(requirements, spec.sla_target, spec.preset, spec.gpu_type, self._options)

    def answer(self, request: CalculateRequest) -> Sizing:
        """What a tenant would take; a request may allow what isn't deployed, such as shared GPUs."""
        options = replace(self._options, gpu_sharing=request.gpu_sharing, unmeasured=request.allow_unmeasured)
        requirements = tuple(request.service_requirements.items())
        return self._cached(requirements, request.sla_target, request.preset, request.gpu_type, options)

    def _size(
        self,
        requirements: tuple[tuple[str, int], ...],
        sla_target: SlaTarget,
        preset: str | None,
        gpu_type: str | None,
        options: SizingOptions,
    ) -> Sizing:
        return size(dict(requirements), sla_target, preset, gpu_type, self._catalog, options=options)

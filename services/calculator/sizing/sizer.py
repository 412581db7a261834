"""Sizes with one catalogue and one set of options: those of this process."""

import hashlib
from dataclasses import replace

from services.calculator.sizing.planning import PRODUCTION, SizingOptions
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import Catalog
from shared.rpc import CalculateRequest
from shared.sizing import Sizing
from shared.tenants import TenantSpec

_VERSION_LENGTH = 16


class Sizer:
    """Sizes tenants. Raises Refused, as `tenant_sizing.size` does."""

    def __init__(self, catalog: Catalog, options: SizingOptions = PRODUCTION) -> None:
        self._catalog = catalog
        self._options = options
        self.catalog_version = catalog_version(catalog, options)
        """The version in the sizings: the same for all replicas with this catalogue and exchange rate."""

    def size_spec(self, spec: TenantSpec) -> Sizing:
        """Size a tenant as it will be deployed."""
        sizing = size(
            spec.service_requirements,
            spec.sla_target,
            spec.preset,
            spec.gpu_type,
            self._catalog,
            choices=spec.service_options,
            options=self._options,
        )
        return self._with_version(sizing)

    def answer(self, request: CalculateRequest) -> Sizing:
        """Size a request. With options that aren't deployed, such as shared GPUs, the sizing has no version."""
        options = replace(self._options, gpu_sharing=request.gpu_sharing, unmeasured=request.allow_unmeasured)
        sizing = size(
            request.service_requirements,
            request.sla_target,
            request.preset,
            request.gpu_type,
            self._catalog,
            choices=request.service_options,
            options=options,
        )
        return self._with_version(sizing) if options == self._options else sizing

    def is_current(self, sizing: Sizing) -> bool:
        """Whether this sizer would make the same sizing: it has the same version."""
        return sizing.catalog_version == self.catalog_version

    def _with_version(self, sizing: Sizing) -> Sizing:
        return sizing.model_copy(update={"catalog_version": self.catalog_version})


def catalog_version(catalog: Catalog, options: SizingOptions = PRODUCTION) -> str:
    """A digest of the catalogue's contents and of the exchange rate that replaces the catalogue's."""
    content = f"{catalog.model_dump_json()}{options.krw_per_usd}"
    return hashlib.sha256(content.encode()).hexdigest()[:_VERSION_LENGTH]

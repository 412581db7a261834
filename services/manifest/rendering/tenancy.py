"""What is rendered, gathered from spec, sizing, catalogue and options before any object is written.

Builders get these and nothing else: each is a function from a workload and a place to one object.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from services.manifest.rendering.naming import Place
from shared.catalog import Catalog, CatalogService
from shared.errors import Refused
from shared.events import DeployOptions
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import SlaTarget, TenantSpec

_MB = 10**6
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Platform:
    """What the cluster's operators have set up, and how they call it."""

    ingress_domain: str = "ecp-ai.internal"
    ingress_class: str = "nginx"
    ingress_namespace: str = "ingress-nginx"
    cluster_issuer: str = "letsencrypt-prod"
    """cert-manager's ClusterIssuer, which makes the Secret with an Ingress' certificate."""
    monitoring_namespace: str = "monitoring"
    secret_store: str = "vault-backend"  # noqa: S105 - the name of a store
    """External Secrets' ClusterSecretStore."""
    shared_storage_class: str | None = None
    """For volumes that several nodes write to; None is the cluster's default class."""
    redis_image: str = "redis:7.2.5-alpine"


@dataclass(frozen=True)
class Workload:
    """One AI service of the tenant."""

    sizing: ServiceSizing
    service: CatalogService
    gpu_product: str | None
    asks: tuple[str, ...]
    """The tenant's services that it calls."""
    asked_by: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.sizing.service

    @property
    def has_autoscaler(self) -> bool:
        """A workload that may not grow has no HPA; its Deployment has `replicas` instead."""
        return self.sizing.max_replicas > self.sizing.replicas

    @property
    def needed(self) -> int:
        """Replicas that must be ready for the tenant's promise to hold; a sizing without spare ones needs all."""
        return self.sizing.needed or self.sizing.replicas

    @property
    def surge(self) -> int:
        """Most pods above the wanted number in an update. Of GPUs there are rarely more than one to spare."""
        return 1 if self.sizing.gpu else -(-self.sizing.max_replicas // 4)

    @cached_property
    def recordings_gib(self) -> int:
        """What its sessions leave behind for as long as it is kept, rounded up; 0 if nothing."""
        storage = self.service.storage
        if storage is None or self.sizing.sessions == 0:
            return 0
        return _stepped(-(-int(self.sizing.sessions * storage.mb_a_day * storage.days * _MB) // _GIB))


@dataclass(frozen=True)
class Tenancy:
    """A tenant, ready to be written down."""

    place: Place
    workloads: tuple[Workload, ...]
    sla: SlaTarget
    priority: int
    """0 for the first preset; a tenant with a stricter promise comes first when nodes are short."""
    options: DeployOptions
    platform: Platform

    @property
    def sessions(self) -> int:
        return sum(each.sizing.sessions for each in self.workloads)

    @property
    def entries(self) -> list[Workload]:
        """What customers reach."""
        return [each for each in self.workloads if each.service.entry_point]


def _stepped(gib: int) -> int:
    """Up to the next of four steps between two powers of two: a volume is not to be resized for every few sessions."""
    step = max(1, 1 << max(gib - 1, 0).bit_length() >> 3)
    return max(1, -(-gib // step) * step)


def gather(
    spec: TenantSpec, sizing: Sizing, options: DeployOptions, *, place: Place, catalog: Catalog, platform: Platform
) -> Tenancy:
    """Everything that builders need. Raises Refused when the sizing is of another catalogue."""
    _check_known(sizing, catalog)
    names = [each.service for each in sizing.services]
    presets = list(catalog.presets)
    return Tenancy(
        place=place,
        workloads=tuple(_workload(each, names, catalog) for each in sizing.services),
        sla=spec.sla_target,
        priority=presets.index(sizing.preset) if sizing.preset in presets else 0,
        options=options,
        platform=platform,
    )


def _workload(sizing: ServiceSizing, present: Iterable[str], catalog: Catalog) -> Workload:
    service = catalog.services[sizing.service]
    return Workload(
        sizing=sizing,
        service=service,
        gpu_product=catalog.gpus[sizing.gpu_type].product if sizing.gpu and sizing.gpu_type else None,
        asks=tuple(name for name in present if name in service.asks),
        asked_by=tuple(name for name in present if sizing.service in catalog.services[name].asks),
    )


def _check_known(sizing: Sizing, catalog: Catalog) -> None:
    """A sizing may come from a calculator with another catalogue than ours."""
    unknown = [each.service for each in sizing.services if each.service not in catalog.services]
    unknown += sorted({each.gpu_type for each in sizing.services if each.gpu_type} - catalog.gpus.keys())
    if unknown:
        raise Refused(f"The catalogue of the manifest service doesn't have {', '.join(unknown)}; compare CATALOG_PATH.")

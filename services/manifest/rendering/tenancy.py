"""The input of rendering, gathered from spec, sizing, catalogue and options.

Builders depend on nothing else: each is a function from a workload and a scope to one object.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from services.manifest.rendering.naming import TenantScope
from shared.catalog import Catalog, CatalogService
from shared.choices import ClusterOptions, ServiceOptions, with_registry
from shared.errors import Refused
from shared.events import DeployOptions
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import SlaTarget, TenantSpec

_MB = 10**6
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Platform:
    """Names of what the cluster's operators have installed."""

    ingress_domain: str = "ecp-ai.internal"
    ingress_class: str = "nginx"
    ingress_namespace: str = "ingress-nginx"
    cluster_issuer: str = "letsencrypt-prod"
    """cert-manager's ClusterIssuer for the certificates of Ingresses."""
    monitoring_namespace: str = "monitoring"
    secret_store: str = "vault-backend"  # noqa: S105 - the name of a store
    """External Secrets' ClusterSecretStore."""
    shared_storage_class: str | None = None
    """The StorageClass of volumes that several nodes write to; None: the cluster's default."""
    redis_image: str = "redis:7.2.5-alpine"


@dataclass(frozen=True)
class RenderedWorkload:
    """One AI service of the tenant."""

    sizing: ServiceSizing
    service: CatalogService
    gpu_product: str | None
    asks: tuple[str, ...]
    """The tenant's services that it calls."""
    asked_by: tuple[str, ...]
    image: str
    options: ServiceOptions
    """What the tenant chose for it, besides what is in the sizing."""

    @property
    def name(self) -> str:
        return self.sizing.service

    @property
    def has_autoscaler(self) -> bool:
        """Whether it can scale. Otherwise its Deployment sets `replicas`."""
        return self.sizing.max_replicas > self.sizing.replicas

    @property
    def needed(self) -> int:
        """Replicas that must be ready for the service to count as up; all of them if the sizing doesn't have it."""
        return self.sizing.needed or self.sizing.replicas

    @property
    def surge(self) -> int:
        """The most additional pods during an update: a quarter, but one on GPUs, of which few are spare."""
        return 1 if self.sizing.gpu else -(-self.sizing.max_replicas // 4)

    @cached_property
    def recordings_gib(self) -> int:
        """The recordings of its sessions within their retention, rounded up; 0 without recordings."""
        storage = self.service.storage
        if storage is None or self.sizing.sessions == 0:
            return 0
        return _stepped(-(-int(self.sizing.sessions * storage.mb_a_day * storage.days * _MB) // _GIB))


@dataclass(frozen=True)
class Tenancy:
    """Everything about a tenant that builders need."""

    scope: TenantScope
    workloads: tuple[RenderedWorkload, ...]
    sla: SlaTarget
    priority: int
    """The index of its preset: larger presets have priority when nodes are short."""
    options: DeployOptions
    platform: Platform
    cluster: ClusterOptions

    @property
    def shared_storage_class(self) -> str | None:
        """The class of volumes that several nodes write to: chosen, else the operator's, else that of all volumes."""
        cluster = self.cluster
        return cluster.shared_storage_class or self.platform.shared_storage_class or cluster.storage_class

    @property
    def sessions(self) -> int:
        return sum(each.sizing.sessions for each in self.workloads)

    @property
    def entries(self) -> list[RenderedWorkload]:
        """The services that customers call."""
        return [each for each in self.workloads if each.service.entry_point]


def _stepped(gib: int) -> int:
    """Round up to one of four steps between powers of two, so that few changes of the sessions resize the volume."""
    step = max(1, 1 << max(gib - 1, 0).bit_length() >> 3)
    return max(1, -(-gib // step) * step)


def gather(
    spec: TenantSpec,
    sizing: Sizing,
    options: DeployOptions,
    *,
    scope: TenantScope,
    catalog: Catalog,
    platform: Platform,
) -> Tenancy:
    """Gather the input of the builders. Raises Refused if the catalogue lacks a service or GPU of the sizing."""
    _check_known(sizing, catalog)
    names = [each.service for each in sizing.services]
    presets = list(catalog.presets)
    return Tenancy(
        scope=scope,
        workloads=tuple(_workload(each, names, spec, catalog) for each in sizing.services),
        sla=spec.sla_target,
        priority=presets.index(sizing.preset) if sizing.preset in presets else 0,
        options=options,
        platform=platform,
        cluster=spec.cluster_options,
    )


def _workload(sizing: ServiceSizing, present: Iterable[str], spec: TenantSpec, catalog: Catalog) -> RenderedWorkload:
    service = catalog.services[sizing.service]
    return RenderedWorkload(
        sizing=sizing,
        service=service,
        gpu_product=catalog.gpus[sizing.gpu_type].product if sizing.gpu and sizing.gpu_type else None,
        asks=tuple(name for name in present if name in service.asks),
        asked_by=tuple(name for name in present if sizing.service in catalog.services[name].asks),
        image=with_registry(sizing.image, spec.cluster_options.registry),
        options=spec.service_options.get(sizing.service, ServiceOptions()),
    )


def _check_known(sizing: Sizing, catalog: Catalog) -> None:
    """Refuse a sizing of a calculator whose catalogue has services or GPUs that this one lacks."""
    unknown = [each.service for each in sizing.services if each.service not in catalog.services]
    unknown += sorted({each.gpu_type for each in sizing.services if each.gpu_type} - catalog.gpus.keys())
    if unknown:
        raise Refused(f"The catalogue of the manifest service doesn't have {', '.join(unknown)}; compare CATALOG_PATH.")

"""Which objects a tenant has, in the order in which they are to be applied."""

from collections.abc import Iterator

from services.manifest.rendering import redis
from services.manifest.rendering.autoscaler import autoscaler
from services.manifest.rendering.configuration import configuration
from services.manifest.rendering.deployment import deployment
from services.manifest.rendering.disruption import disruption_budget
from services.manifest.rendering.ingress import ingress
from services.manifest.rendering.limits import limit_range, quota
from services.manifest.rendering.monitoring import prometheus_rule, service_monitor
from services.manifest.rendering.namespace import namespace as namespace_object
from services.manifest.rendering.namespace import priority_class
from services.manifest.rendering.naming import Obj, Place
from services.manifest.rendering.network import policies
from services.manifest.rendering.secrets import credentials, external_credentials, service_account
from services.manifest.rendering.service import service
from services.manifest.rendering.storage import recordings
from services.manifest.rendering.tenancy import Platform, Tenancy, gather
from shared.catalog import Catalog, load_catalog
from shared.events import DeployOptions
from shared.namespaces import check_namespace
from shared.sizing import Sizing
from shared.tenants import TenantSpec

_DEFAULT_PLATFORM = Platform()


def render(
    spec: TenantSpec,
    sizing: Sizing,
    options: DeployOptions,
    namespace: str | None = None,
    *,
    catalog: Catalog | None = None,
    platform: Platform = _DEFAULT_PLATFORM,
) -> list[Obj]:
    """The objects of a sized tenant, in the order of apply.

    `namespace` takes the place of `ecp-ai-<tenant>`, `catalog` that of `load_catalog()`. Raises Refused when the first
    isn't the tenant's to choose, or when the sizing is of a catalogue with other services or GPUs.
    """
    catalog = catalog or load_catalog()
    operated = (platform.ingress_namespace, platform.monitoring_namespace)
    chosen = check_namespace(namespace or spec.namespace, spec.tenant_id, operated)
    place = Place(spec.tenant_id, spec.name, chosen, sizing.preset)
    tenancy = gather(spec, sizing, options, place=place, catalog=catalog, platform=platform)
    running = list(_running(tenancy))
    workloads = [each for each in running if each["kind"] in ("Deployment", "StatefulSet")]
    return [namespace_object(place, workloads), *_ground(tenancy), *running, *_outside(tenancy)]


def _ground(tenancy: Tenancy) -> Iterator[Obj]:
    """What limits, protects and is referred to: before anything runs."""
    place, workloads = tenancy.place, tenancy.workloads
    yield priority_class(place, tenancy.priority)
    yield from policies(tenancy)
    yield quota(tenancy)
    yield limit_range(tenancy)
    yield from (disruption_budget(each, place) for each in workloads)
    yield redis.disruption_budget(place)
    yield service_account(place)
    if not tenancy.options.external_secrets:
        yield credentials(place)
    yield from (configuration(each, place) for each in workloads)
    yield redis.configuration(tenancy)
    yield from (recordings(each, tenancy) for each in workloads if each.recordings_gib)


def _running(tenancy: Tenancy) -> Iterator[Obj]:
    place, workloads = tenancy.place, tenancy.workloads
    yield from (service(each, place) for each in workloads)
    yield from redis.services(place)
    yield from (deployment(each, place, monitoring=tenancy.options.include_monitoring) for each in workloads)
    yield from (autoscaler(each, place) for each in workloads if each.has_autoscaler)
    yield redis.stateful_set(tenancy)


def _outside(tenancy: Tenancy) -> Iterator[Obj]:
    """The way in, and what only clusters with these extensions know."""
    if tenancy.options.include_ingress and tenancy.entries:
        yield ingress(tenancy)
    if tenancy.options.external_secrets:
        yield external_credentials(tenancy)
    if tenancy.options.include_monitoring and tenancy.options.prometheus_operator:
        yield service_monitor(tenancy)
        yield prometheus_rule(tenancy)

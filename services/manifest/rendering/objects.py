"""The objects of a tenant, in the order in which they are applied."""

from collections.abc import Iterator

from services.manifest.rendering import redis
from services.manifest.rendering.autoscaler import autoscaler
from services.manifest.rendering.cluster_choices import with_choices
from services.manifest.rendering.configuration import configuration
from services.manifest.rendering.deployment import deployment
from services.manifest.rendering.disruption import disruption_budget
from services.manifest.rendering.ingress import ingress
from services.manifest.rendering.limits import limit_range, quota
from services.manifest.rendering.monitoring import prometheus_rule, service_monitor
from services.manifest.rendering.namespace import namespace as namespace_object
from services.manifest.rendering.namespace import priority_class
from services.manifest.rendering.naming import TenantScope
from services.manifest.rendering.network import policies
from services.manifest.rendering.secrets import credentials, external_credentials, service_account
from services.manifest.rendering.service import service
from services.manifest.rendering.storage import recordings
from services.manifest.rendering.tenancy import Platform, Tenancy, gather
from shared.catalog import Catalog, load_catalog
from shared.events import DeployOptions
from shared.kube.objects import Obj
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

    `namespace` defaults to `ecp-ai-<tenant>`, `catalog` to `load_catalog()`. Raises Refused if the tenant may not use
    the namespace, or if the sizing has services or GPUs that the catalogue doesn't have.
    """
    catalog = catalog or load_catalog()
    operated = (platform.ingress_namespace, platform.monitoring_namespace)
    chosen = check_namespace(namespace or spec.namespace, spec.tenant_id, operated)
    scope = TenantScope(spec.tenant_id, spec.name, chosen, sizing.preset)
    tenancy = gather(spec, sizing, options, scope=scope, catalog=catalog, platform=platform)
    running = list(_running(tenancy))
    workloads = [each for each in running if each["kind"] in ("Deployment", "StatefulSet")]
    objects = [namespace_object(scope, workloads), *_ground(tenancy), *running, *_outside(tenancy)]
    return with_choices(objects, spec.cluster_options)


def _ground(tenancy: Tenancy) -> Iterator[Obj]:
    """Limits, policies and everything that pods refer to: applied before any pod."""
    scope, workloads = tenancy.scope, tenancy.workloads
    yield priority_class(scope, tenancy.priority)
    yield from policies(tenancy)
    yield quota(tenancy)
    yield limit_range(tenancy)
    yield from (disruption_budget(each, scope) for each in workloads)
    yield redis.disruption_budget(scope)
    yield service_account(scope)
    if not tenancy.options.external_secrets:
        yield credentials(scope)
    yield from (configuration(each, scope) for each in workloads)
    yield redis.configuration(tenancy)
    yield from (recordings(each, tenancy) for each in workloads if each.recordings_gib)


def _running(tenancy: Tenancy) -> Iterator[Obj]:
    scope, workloads = tenancy.scope, tenancy.workloads
    yield from (service(each, scope) for each in workloads)
    yield from redis.services(scope)
    yield from (deployment(each, scope, monitoring=tenancy.options.include_monitoring) for each in workloads)
    yield from (autoscaler(each, scope) for each in workloads if each.has_autoscaler)
    yield redis.stateful_set(tenancy)


def _outside(tenancy: Tenancy) -> Iterator[Obj]:
    """The Ingress, and objects of extensions that a cluster may lack."""
    if tenancy.options.include_ingress and tenancy.entries:
        yield ingress(tenancy)
    if tenancy.options.external_secrets:
        yield external_credentials(tenancy)
    if tenancy.options.include_monitoring and tenancy.options.prometheus_operator:
        yield service_monitor(tenancy)
        yield prometheus_rule(tenancy)

"""From a cluster's objects and its tenants' promises to the values of each tenant: pure.

A tenant's objects carry the label `ecp.ai/tenant`. The values, each left out if it is unknown:

    cpu, memory, gpu   usage of the pods in percent of their requests; a container counts if both are known
    pods_ready         pods of the promised workloads that are Ready and not terminating
    pods_wanted        the deployed number of replicas, or the workloads' current one if that is higher
    available          1 or 0; left out if unknown (`shared.sla` defines promises and availability)

A tenant that the database expects to run, but that has neither a promise nor a workload, is down.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import structlog

from services.monitor.metric_names import AVAILABLE
from shared.kube.labels import TENANT
from shared.kube.objects import Obj, is_terminating, key_of, labels_of
from shared.kube.quantities import QuantityError, parse
from shared.sla import Promise, ServiceState, is_available, needs_of, service_states
from shared.sla.promise import Need, WorkloadKey

_log = structlog.get_logger(__name__)
GPU = "nvidia.com/gpu"
_METRICS = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """The objects that the API server listed. `usage` (PodMetrics) is None if the metrics API is unavailable."""

    pods: Sequence[Obj]
    deployments: Sequence[Obj]
    autoscalers: Sequence[Obj] = ()
    usage: Sequence[Obj] | None = None
    stateful_sets: Sequence[Obj] = ()
    budgets: Sequence[Obj] = ()
    """PodDisruptionBudgets."""

    @property
    def workloads(self) -> Sequence[Obj]:
        """Deployments and StatefulSets."""
        return [*self.deployments, *self.stateful_sets]


@dataclass(slots=True)
class TenantObjects:
    """The objects of one tenant."""

    pods: list[Obj] = field(default_factory=list)
    workloads: list[Obj] = field(default_factory=list)
    autoscalers: list[Obj] = field(default_factory=list)
    budgets: list[Obj] = field(default_factory=list)


class TenantReading(NamedTuple):
    """The values of one tenant at one moment, and the states of its services by name."""

    values: dict[str, float]
    services: dict[str, ServiceState]

    @property
    def known(self) -> dict[str, bool]:
        """Whether each service is up; a service in an unknown state is left out."""
        return {name: each.up for name, each in self.services.items() if each.up is not None}


def read_tenants(
    state: ClusterObjects, promises: Mapping[str, Promise], *, expected: Collection[str] = ()
) -> dict[str, TenantReading]:
    """The reading of each tenant that has a pod, a workload or a promise, or that is expected to run."""
    usage = {key_of(each): each for each in state.usage or ()}
    tenants = by_tenant(state)
    readings = {}
    for tenant_id in tenants.keys() | promises.keys() | set(expected):
        found, promise = tenants.get(tenant_id, TenantObjects()), promises.get(tenant_id)
        if promise is None and not found.workloads and tenant_id in expected:
            readings[tenant_id] = TenantReading(_shares(found.pods, usage) | {"pods_ready": 0.0, AVAILABLE: 0.0}, {})
            continue
        try:
            reading = _readiness(promise or Promise(), found)
            readings[tenant_id] = reading._replace(values=_shares(found.pods, usage) | reading.values)
        except Exception:
            log_unreadable(tenant_id)
    return readings


def log_unreadable(tenant_id: str) -> None:
    """Log the current exception: a tenant with an unreadable object is unknown, and the others aren't affected."""
    _log.exception("Skipped a tenant with an unreadable object.", action="skip-tenant", tenant_id=tenant_id)


def by_tenant(state: ClusterObjects) -> dict[str, TenantObjects]:
    """The objects of each tenant that has a pod or a workload."""
    tenants: dict[str, TenantObjects] = {}
    for pod in state.pods:
        if tenant_id := _tenant_of(pod):
            tenants.setdefault(tenant_id, TenantObjects()).pods.append(pod)
    for workload in state.workloads:
        if tenant_id := _tenant_of(workload):
            tenants.setdefault(tenant_id, TenantObjects()).workloads.append(workload)
    for autoscaler in state.autoscalers:
        if found := tenants.get(_tenant_of(autoscaler) or ""):
            found.autoscalers.append(autoscaler)
    for budget in state.budgets:
        if found := tenants.get(_tenant_of(budget) or ""):
            found.budgets.append(budget)
    return tenants


def needs_found(found: TenantObjects) -> dict[WorkloadKey, Need]:
    """The needs of the workloads in the cluster, for tenants that the deployer didn't deploy."""
    staying = [each for each in found.workloads if not is_terminating(each)]
    return needs_of(staying, found.autoscalers, found.budgets)


def _readiness(promise: Promise, found: TenantObjects) -> TenantReading:
    states = service_states(promise, found.workloads, found.pods)
    if not states:
        return TenantReading({}, {})
    values = {
        "pods_ready": float(sum(each.ready for each in states.values())),
        "pods_wanted": float(sum(each.wanted for each in states.values())),
    }
    if (available := is_available(states)) is not None:
        values[AVAILABLE] = float(available)
    return TenantReading(values, {key.name: state for key, state in states.items()})


def _shares(pods: Iterable[Obj], usage: Mapping[tuple[str, str], Obj]) -> dict[str, float]:
    """Usage in percent of the requests, by metric."""
    used, requested = dict.fromkeys(_METRICS, Decimal(0)), dict.fromkeys(_METRICS, Decimal(0))
    for pod in pods:
        containers = {
            each["name"]: each.get("usage") or {} for each in usage.get(key_of(pod), {}).get("containers", ())
        }
        for container in pod["spec"]["containers"]:
            requests = (container.get("resources") or {}).get("requests") or {}
            for resource in _METRICS:
                use = _quantity(containers.get(container["name"], {}).get(resource))
                request = _quantity(requests.get(resource))
                if use is not None and request:
                    used[resource] += use
                    requested[resource] += request
    return {
        metric: round(float(100 * used[resource] / requested[resource]), 2)
        for resource, metric in _METRICS.items()
        if requested[resource]
    }


def _quantity(text: str | None) -> Decimal | None:
    """None for text that isn't a quantity, which an aggregated metrics API may return."""
    try:
        return None if text is None else parse(text)
    except QuantityError:
        return None


def _tenant_of(obj: Obj) -> str | None:
    return labels_of(obj).get(TENANT)

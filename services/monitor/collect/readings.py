"""From a cluster's objects and its tenants' promises to the values of each tenant: pure.

A tenant's objects carry the label `ecp.ai/tenant`. The values, each left out if it is unknown:

    cpu, memory, gpu   usage of the pods in percent of their requests; a container counts if both are known
    pods_ready         pods of the promised workloads that are Ready and not terminating
    pods_wanted        the deployed number of replicas, or the workloads' current one if that is higher
    available          1 or 0; left out if unknown (`shared.sla` defines promises and availability)

A tenant that the database expects to run, but that has neither a promise nor a workload, is down.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Final, NamedTuple

import structlog

from services.monitor.metric_names import AVAILABLE, LONGEST_SERVICE
from shared.kube.labels import TENANT
from shared.kube.objects import Obj, is_terminating, key_of, labels_of
from shared.kube.quantities import QuantityError, nano
from shared.sla import Promise, ServiceState, is_available, needs_of, service_states
from shared.sla.promise import Need, WorkloadKey

_log = structlog.get_logger(__name__)
GPU = "nvidia.com/gpu"
_METRICS = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}
_NO_PROMISE: Final = Promise()
_NOTHING: Final[Obj] = {}
Usage = Mapping[tuple[str, str], Obj]
"""PodMetrics by namespace and name."""


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
        """Whether each service is up.

        A service in an unknown state is left out. So is one whose name is too long for our tables, which counts for its
        tenant only.
        """
        known = {name: each.up for name, each in self.services.items() if len(name) <= LONGEST_SERVICE}
        return {name: up for name, up in known.items() if up is not None}


def every_tenant(tenant_id: str) -> bool:
    """All tenants are read."""
    return True


class _Known(NamedTuple):
    """What was read of a tenant, and from which objects. A watch replaces an object that has changed."""

    promise: Promise
    found: TenantObjects
    readiness: TenantReading
    requests: "list[_PodRequests]"

    def is_of(self, promise: Promise, found: TenantObjects) -> bool:
        """Whether it was read from these very objects."""
        pods, workloads = self.found.pods, self.found.workloads
        return self.promise is promise and _same(pods, found.pods) and _same(workloads, found.workloads)


class Readings:
    """Reads tenants, slice after slice. What follows from a tenant's objects and promise is kept until one changes.

    Most tenants don't change between two slices, and then only their usage is computed.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def read(
        self,
        state: ClusterObjects,
        promises: Mapping[str, Promise],
        *,
        expected: Collection[str] = (),
        includes: Callable[[str], bool] = every_tenant,
    ) -> dict[str, TenantReading]:
        """The reading of each included tenant that has a pod, a workload or a promise, or that is expected to run."""
        usage = {key_of(each): each for each in state.usage or ()}
        tenants = by_tenant(state)
        self._known = {tenant_id: each for tenant_id, each in self._known.items() if tenant_id in tenants}
        readings = {}
        for tenant_id in filter(includes, tenants.keys() | promises.keys() | set(expected)):
            found, promise = tenants.get(tenant_id, TenantObjects()), promises.get(tenant_id)
            try:
                if promise is None and not found.workloads and tenant_id in expected:
                    readings[tenant_id] = _gone(found, usage)
                else:
                    readings[tenant_id] = self._read_one(tenant_id, promise or _NO_PROMISE, found, usage)
            except Exception:
                log_unreadable(tenant_id)
        return readings

    def _read_one(self, tenant_id: str, promise: Promise, found: TenantObjects, usage: Usage) -> TenantReading:
        known = self._known.get(tenant_id)
        if known is None or not known.is_of(promise, found):
            known = _Known(promise, found, _readiness(promise, found), _requests(found.pods))
            self._known[tenant_id] = known
        return known.readiness._replace(values=_shares(known.requests, usage) | known.readiness.values)


def read_tenants(
    state: ClusterObjects, promises: Mapping[str, Promise], *, expected: Collection[str] = ()
) -> dict[str, TenantReading]:
    """One reading, of all tenants."""
    return Readings().read(state, promises, expected=expected)


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


def _gone(found: TenantObjects, usage: Usage) -> TenantReading:
    """Of a tenant that should run, and of which at most pods are left."""
    return TenantReading(_shares(_requests(found.pods), usage) | {"pods_ready": 0.0, AVAILABLE: 0.0}, {})


def _same(before: Sequence[Obj], now: Sequence[Obj]) -> bool:
    return len(before) == len(now) and all(map(is_, before, now))


class _PodRequests(NamedTuple):
    """The requests of a pod's containers that have any: name, metric, nano-units."""

    pod: tuple[str, str]
    containers: list[tuple[str, str, int]]


def _requests(pods: Iterable[Obj]) -> list[_PodRequests]:
    return [_PodRequests(key_of(pod), list(_container_requests(pod["spec"]["containers"]))) for pod in pods]


def _container_requests(containers: Iterable[Obj]) -> Iterator[tuple[str, str, int]]:
    for container in containers:
        requests = (container.get("resources") or {}).get("requests") or {}
        for resource in _METRICS:
            if request := _nano(requests.get(resource)):
                yield container["name"], resource, request


def _shares(requests: Iterable[_PodRequests], usage: Usage) -> dict[str, float]:
    """Usage in percent of the requests, by metric."""
    used, requested = dict.fromkeys(_METRICS, 0), dict.fromkeys(_METRICS, 0)
    for each in requests:
        of_pod = usage.get(each.pod)
        if of_pod is None:
            continue
        containers = {container["name"]: container.get("usage") or {} for container in of_pod.get("containers", ())}
        for name, resource, request in each.containers:
            use = _nano(containers.get(name, _NOTHING).get(resource))
            if use is not None:
                used[resource] += use
                requested[resource] += request
    return {
        metric: round(100 * used[resource] / requested[resource], 2)
        for resource, metric in _METRICS.items()
        if requested[resource]
    }


def _nano(text: str | None) -> int | None:
    """Nano-units; None for text that isn't a quantity, which an aggregated metrics API may return."""
    try:
        return None if text is None else nano(text)
    except QuantityError:
        return None


def _tenant_of(obj: Obj) -> str | None:
    return labels_of(obj).get(TENANT)

"""From a cluster's objects and its tenants' promises to the values of each tenant: pure.

A tenant's objects carry the label `ecp.ai/tenant`. The values, each left out where it can't be known:

    cpu, memory, gpu   what the pods use, in percent of what they request. A container counts where both are known.
    pods_ready         pods of the promised workloads that are Ready and not terminating
    pods_wanted        replicas that were deployed, or that the workloads ask for now where that is more
    available          1 or 0; none where that is unknown (`shared.sla`: what is promised, and what up means)

A tenant that is expected (by the database) and of which neither a promise nor a workload is left is down.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import structlog

from shared.kube.objects import Obj
from shared.kube.quantities import QuantityError, parse
from shared.sla import Promise, ServiceState, is_available, needs_of, service_states
from shared.sla.promise import Need, WorkloadKey

_log = structlog.get_logger(__name__)
TENANT_LABEL = "ecp.ai/tenant"
SOURCE = "kubernetes"
"""The source of what is sampled here, and of nothing else."""
AVAILABLE = "available"
"""The name of the value that the SLA is computed from."""
GPU = "nvidia.com/gpu"
_METRICS = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What the API server listed. `usage` (PodMetrics) is None where the metrics API doesn't answer."""

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
class Found:
    """What a cluster has of one tenant."""

    pods: list[Obj] = field(default_factory=list)
    workloads: list[Obj] = field(default_factory=list)
    autoscalers: list[Obj] = field(default_factory=list)
    budgets: list[Obj] = field(default_factory=list)


class Reading(NamedTuple):
    """One tenant at one moment: its values, and its services' states by name."""

    values: dict[str, float]
    services: dict[str, ServiceState]

    @property
    def known(self) -> dict[str, bool]:
        """Which services are up, or down."""
        return {name: each.up for name, each in self.services.items() if each.up is not None}


def read_tenants(
    state: ClusterState, promises: Mapping[str, Promise], *, expected: Collection[str] = ()
) -> dict[str, Reading]:
    """Each tenant that has a pod or a workload, was promised something, or is expected."""
    usage = {_name_of(each): each for each in state.usage or ()}
    tenants = by_tenant(state)
    readings = {}
    for tenant_id in tenants.keys() | promises.keys() | set(expected):
        found, promise = tenants.get(tenant_id, Found()), promises.get(tenant_id)
        if promise is None and not found.workloads and tenant_id in expected:
            readings[tenant_id] = Reading(_shares(found.pods, usage) | {"pods_ready": 0.0, AVAILABLE: 0.0}, {})
            continue
        try:
            reading = _readiness(promise or Promise(), found)
            readings[tenant_id] = reading._replace(values=_shares(found.pods, usage) | reading.values)
        except Exception:
            note_unreadable(tenant_id)
    return readings


def note_unreadable(tenant_id: str) -> None:
    """Log what was raised: a tenant with an object that can't be read stays unknown, and no other one with it."""
    _log.exception("A tenant can't be sampled.", action="skip-tenant", tenant_id=tenant_id)


def by_tenant(state: ClusterState) -> dict[str, Found]:
    """The pods and workloads of each tenant that has any."""
    tenants: dict[str, Found] = {}
    for pod in state.pods:
        if tenant_id := _tenant_of(pod):
            tenants.setdefault(tenant_id, Found()).pods.append(pod)
    for workload in state.workloads:
        if tenant_id := _tenant_of(workload):
            tenants.setdefault(tenant_id, Found()).workloads.append(workload)
    for autoscaler in state.autoscalers:
        if found := tenants.get(_tenant_of(autoscaler) or ""):
            found.autoscalers.append(autoscaler)
    for budget in state.budgets:
        if found := tenants.get(_tenant_of(budget) or ""):
            found.budgets.append(budget)
    return tenants


def needs_found(found: Found) -> dict[WorkloadKey, Need]:
    """What the workloads that are there ask for, where nothing else tells what was deployed."""
    staying = [each for each in found.workloads if not each["metadata"].get("deletionTimestamp")]
    return needs_of(staying, found.autoscalers, found.budgets)


def _readiness(promise: Promise, found: Found) -> Reading:
    states = service_states(promise, found.workloads, found.pods)
    if not states:
        return Reading({}, {})
    values = {
        "pods_ready": float(sum(each.ready for each in states.values())),
        "pods_wanted": float(sum(each.wanted for each in states.values())),
    }
    if (available := is_available(states)) is not None:
        values[AVAILABLE] = float(available)
    return Reading(values, {key.name: state for key, state in states.items()})


def _shares(pods: Iterable[Obj], usage: Mapping[tuple[str, str], Obj]) -> dict[str, float]:
    """Use in percent of the requests, by metric."""
    used, requested = dict.fromkeys(_METRICS, Decimal(0)), dict.fromkeys(_METRICS, Decimal(0))
    for pod in pods:
        containers = {
            each["name"]: each.get("usage") or {} for each in usage.get(_name_of(pod), {}).get("containers", ())
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
    """None for what an extension of the metrics API may say that is no quantity."""
    try:
        return None if text is None else parse(text)
    except QuantityError:
        return None


def _tenant_of(obj: Obj) -> str | None:
    found: str | None = (obj["metadata"].get("labels") or {}).get(TENANT_LABEL)
    return found


def _name_of(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]

"""From a cluster's objects to the values of each tenant: pure, so that a rehearsal can use it too.

A tenant's objects carry the label `ecp.ai/tenant`. The values, each left out where it can't be known:

    cpu, memory, gpu   what the pods use, in percent of what they request. A container counts where both are known.
    pods_ready         pods of the tenant's workloads that are Ready and not terminating
    pods_wanted        replicas that the tenant's workloads ask for now, at least `minReplicas` of an autoscaler
    available          1 or 0, as below

A tenant is **available** when every workload that serves has at least its minimum ready. Workloads are Deployments and
StatefulSets (without its session store a call centre answers nobody); those with 0 replicas (stopped) or on their way
out don't serve.

The **minimum** is Kubernetes' own, of the condition `MinimumReplicasAvailable`: the replicas less the strategy's
`maxUnavailable`, and at least one. With an autoscaler it is taken of the autoscaler's `minReplicas`, which is what the
tenant was sized for: replicas that are added on top of it and not ready yet are no outage. A StatefulSet's update takes
one pod away at a time, unless it says more: the minimum is its replicas less that, and at least one.

Readiness can be **unknown**: a pod on a node that doesn't answer has the Ready condition `Unknown`. The rules:

    0        a workload lacks its minimum even if all unknown pods were ready
    no value otherwise, if that depends on unknown pods, or if a workload that lacks its minimum is still settling: in
             its first rollout and within the deadline, or not yet raised to `minReplicas` by its autoscaler. Nothing
             can be promised of what has never run. The same of one that starts again after it was stopped
    1        otherwise

A tenant that is expected (deployed, and neither stopped nor deleted by anybody whom we know) and has no workload left
in a cluster that answers is down.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from shared.kube.quantities import QuantityError, parse

Obj: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as it comes in JSON."""
Key: TypeAlias = tuple[str, str]
"""(namespace, name)"""

TENANT_LABEL = "ecp.ai/tenant"
SOURCE = "kubernetes"
"""The source of what is sampled here, and of nothing else."""
AVAILABLE = "available"
"""The name of the value that the SLA is computed from."""
GPU = "nvidia.com/gpu"
_METRICS = {"cpu": "cpu", "memory": "memory", GPU: "gpu"}
_DEFAULT_STEP = "25%"  # Kubernetes' default of maxSurge and maxUnavailable
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What the API server listed. `usage` (PodMetrics) is None where the metrics API doesn't answer."""

    pods: Sequence[Obj]
    deployments: Sequence[Obj]
    autoscalers: Sequence[Obj] = ()
    usage: Sequence[Obj] | None = None
    stateful_sets: Sequence[Obj] = ()

    @property
    def workloads(self) -> Sequence[Obj]:
        """Deployments and StatefulSets."""
        return [*self.deployments, *self.stateful_sets]


@dataclass(slots=True)
class _Tenant:
    pods: list[Obj] = field(default_factory=list)
    workloads: list[Obj] = field(default_factory=list)


class Reading(NamedTuple):
    """One tenant at one moment: its values, and whether each of its services has its minimum ready."""

    values: dict[str, float]
    services: dict[str, bool]


def read_tenants(
    state: ClusterState, *, starting: Collection[Key] = (), expected: Collection[str] = ()
) -> dict[str, Reading]:
    """Each tenant that has a pod or a workload, or is expected to. `starting` were stopped and start again."""
    floors = autoscaler_floors(state.autoscalers)
    usage = {key_of(each): each for each in state.usage or ()}
    readings = {}
    tenants = _by_tenant(state)
    for tenant_id in tenants.keys() | set(expected):
        tenant = tenants.get(tenant_id, _Tenant())
        readiness = _readiness(tenant, floors, starting)
        if tenant_id in expected and not tenant.workloads:
            readiness = Reading({"pods_ready": 0.0, AVAILABLE: 0.0}, {})
        readings[tenant_id] = Reading(_shares(tenant.pods, usage) | readiness.values, readiness.services)
    return readings


def sample(state: ClusterState) -> dict[str, dict[str, float]]:
    """The values of each tenant that has a pod or a workload."""
    return {tenant_id: reading.values for tenant_id, reading in read_tenants(state).items()}


def minimum_ready(workload: Obj, floor: int | None) -> int:
    """How many ready pods a workload must have at least; `floor` is its autoscaler's `minReplicas`, if it has one."""
    base = wanted_replicas(workload) if floor is None else floor
    if is_stateful(workload):
        steps = (workload["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        return max(1, base - _portion(steps.get("maxUnavailable", 1), base, round_up=True))
    strategy = workload["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return max(1, base)
    steps = strategy.get("rollingUpdate") or {}
    spare = _portion(steps.get("maxUnavailable", _DEFAULT_STEP), base, round_up=False)
    surge = _portion(steps.get("maxSurge", _DEFAULT_STEP), base, round_up=True)
    if not spare and not surge:
        spare = 1  # a rollout that may neither add nor remove could never move, so Kubernetes removes one
    return max(1, base - spare)


def _by_tenant(state: ClusterState) -> dict[str, _Tenant]:
    tenants: dict[str, _Tenant] = {}
    for pod in state.pods:
        if tenant_id := _labels(pod).get(TENANT_LABEL):
            tenants.setdefault(tenant_id, _Tenant()).pods.append(pod)
    for workload in state.workloads:
        if tenant_id := _labels(workload).get(TENANT_LABEL):
            tenants.setdefault(tenant_id, _Tenant()).workloads.append(workload)
    return tenants


def autoscaler_floors(autoscalers: Iterable[Obj]) -> dict[Key, int]:
    """`minReplicas` by the Deployment that it is for."""
    return {
        (each["metadata"]["namespace"], each["spec"]["scaleTargetRef"]["name"]): each["spec"].get("minReplicas", 1)
        for each in autoscalers
        if each["spec"]["scaleTargetRef"].get("kind") == "Deployment"
    }


def _readiness(tenant: _Tenant, floors: Mapping[Key, int], starting: Collection[Key]) -> Reading:
    wanted = ready = 0
    states: dict[str, bool | None] = {}
    for workload in tenant.workloads:
        if not wanted_replicas(workload) or _is_leaving(workload):
            continue
        pods = [pod for pod in tenant.pods if _belongs(pod, workload)]
        floor = None if is_stateful(workload) else floors.get(key_of(workload))
        is_starting = workload_key(workload) in starting
        states[workload["metadata"]["name"]] = _serves(
            workload, floor, [_ready(pod) for pod in pods], is_starting=is_starting
        )
        wanted += max(wanted_replicas(workload), floor or 0)
        ready += sum(_ready(pod) is True for pod in pods)
    values = {"pods_ready": float(ready), "pods_wanted": float(wanted)} if tenant.workloads else {}
    if False in states.values():
        values[AVAILABLE] = 0.0
    elif states and None not in states.values():
        values[AVAILABLE] = 1.0
    return Reading(values, {name: up for name, up in states.items() if up is not None})


def _serves(workload: Obj, floor: int | None, pods: Sequence[bool | None], *, is_starting: bool) -> bool | None:
    """Whether a workload has its minimum ready; None where that can't be known, or can't be asked of it yet."""
    minimum = minimum_ready(workload, floor)
    if pods.count(True) >= minimum:
        return True
    if pods.count(True) + pods.count(None) >= minimum:
        return None
    is_settling = is_starting or _is_first_rollout(workload) or wanted_replicas(workload) < (floor or 0)
    return None if is_settling else False


def _is_first_rollout(deployment: Obj) -> bool:
    """Whether the Deployment has never been complete and still has time. A StatefulSet doesn't say."""
    if is_stateful(deployment) or (deployment["metadata"].get("annotations") or {}).get(_REVISION, "1") != "1":
        return False
    progressing = _condition(deployment, "Progressing")
    return progressing.get("reason") not in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded")


def _shares(pods: Iterable[Obj], usage: Mapping[Key, Obj]) -> dict[str, float]:
    """Use in percent of the requests, by metric."""
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


def _ready(pod: Obj) -> bool | None:
    """Whether the pod takes requests; None where its node doesn't answer."""
    if _is_leaving(pod):
        return False
    status = _condition(pod, "Ready").get("status", "False")
    return None if status == "Unknown" else bool(status == "True")


def _belongs(pod: Obj, workload: Obj) -> bool:
    if pod["metadata"]["namespace"] != workload["metadata"]["namespace"]:
        return False
    labels, selector = _labels(pod), workload["spec"]["selector"]
    return all(labels.get(name) == value for name, value in (selector.get("matchLabels") or {}).items()) and all(
        _matches(labels, each) for each in selector.get("matchExpressions") or ()
    )


def _matches(labels: Mapping[str, str], expression: Obj) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _portion(step: int | str, base: int, *, round_up: bool) -> int:
    """A number, or a percentage of `base`."""
    if isinstance(step, int):
        return step
    hundredths = int(step.rstrip("%")) * base
    return -(-hundredths // 100) if round_up else hundredths // 100


def _quantity(text: str | None) -> Decimal | None:
    """None for what an extension of the metrics API may say that is no quantity."""
    try:
        return None if text is None else parse(text)
    except QuantityError:
        return None


def _condition(obj: Obj, kind: str) -> Obj:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), {})


def wanted_replicas(workload: Obj) -> int:
    """What the workload asks for."""
    return int(workload["spec"].get("replicas", 1))


def is_stateful(workload: Obj) -> bool:
    """Whether it is a StatefulSet: in a list, objects don't say their kind."""
    return not {"serviceName", "updateStrategy"}.isdisjoint(workload["spec"])


def workload_key(workload: Obj) -> Key:
    """Namespace and name; a StatefulSet's isn't that of a Deployment of the same name."""
    namespace, name = key_of(workload)
    return namespace, f"statefulset/{name}" if is_stateful(workload) else name


def _is_leaving(obj: Obj) -> bool:
    return obj["metadata"].get("deletionTimestamp") is not None


def _labels(obj: Obj) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def key_of(obj: Obj) -> Key:
    """Namespace and name."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]

"""What a tenant was promised: of each service, k of its n replicas. Read from what was deployed, not from what runs.

k is the sizing's `needed`, which travels as an annotation of the workload. A workload without it, as in a user's own
manifest, needs the minimum of its PodDisruptionBudget, and without a budget one. n is the autoscaler's
`minReplicas`, or `replicas`.

    a rollout       until it is done, of each service the lower k of the revision that rolled out last and of every one
                    that has begun since: neither more nor fewer replicas are an outage by themselves
    a new service   isn't due before its revision has rolled out: it may be up, and is unknown as long as it isn't
    a start         nothing is due before it is done
    a stop          nothing is asked of the tenant: everything is unknown
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

from shared.kube.labels import NEEDED_REPLICAS, SERVICES
from shared.kube.objects import Obj, annotations_of, selector_matches

DEPLOYMENT, STATEFUL_SET = "Deployment", "StatefulSet"
AUTOSCALER, BUDGET = "HorizontalPodAutoscaler", "PodDisruptionBudget"


class WorkloadKey(NamedTuple):
    """A workload that serves."""

    namespace: str
    kind: str
    name: str


class Need(NamedTuple):
    """How many replicas of a service must be ready for it to be up, of how many that were deployed."""

    needed: int
    wanted: int
    is_due: bool = True
    """Whether it is down when they aren't; else that is unknown."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What one tenant was promised. Of one that rests (stopped, or being deleted) nothing is asked."""

    services: Mapping[WorkloadKey, Need] = field(default_factory=dict)
    rests: bool = False


NOTHING = Promise(rests=True)


def promise_of(objects: Iterable[Obj]) -> Promise:
    """The promise of a manifest: its workloads, with its autoscalers and disruption budgets.

    One that it asks for without any replicas is not promised.
    """
    by_kind: dict[str, list[Obj]] = {}
    for each in objects:
        by_kind.setdefault(each["kind"], []).append(each)
    workloads = [*by_kind.get(DEPLOYMENT, ()), *by_kind.get(STATEFUL_SET, ())]
    needs = needs_of(workloads, by_kind.get(AUTOSCALER, ()), by_kind.get(BUDGET, ()))
    return Promise({key: need for key, need in needs.items() if need.wanted})


def needs_of(workloads: Iterable[Obj], autoscalers: Iterable[Obj], budgets: Sequence[Obj]) -> dict[WorkloadKey, Need]:
    """What each workload needs."""
    floors = {_target_of(each): int(each["spec"].get("minReplicas") or 1) for each in autoscalers}
    return {key_of(each): _need(each, floors.get(key_of(each)), budgets) for each in workloads}


def in_force(rolled_out: Promise | None, begun: Sequence[Promise], *, is_start: bool = False) -> Promise:
    """The promise that counts, of the revision that rolled out last and those that have begun since, the newest last.

    `is_start`: the tenant was stopped, and what has begun starts it.
    """
    if rolled_out is None:
        return _without_dues(begun[-1]) if begun else NOTHING
    lowered = reduce(lower_of, begun, rolled_out)
    return _without_dues(lowered) if is_start else lowered


def lower_of(earlier: Promise, later: Promise) -> Promise:
    """What counts while `later` takes the place of `earlier`."""
    services = {}
    for key, need in later.services.items():
        before = earlier.services.get(key)
        is_due = before is not None and before.is_due and need.is_due
        needed = min(need.needed, before.needed) if before else need.needed
        services[key] = Need(needed, need.wanted, is_due)
    return Promise(services, earlier.rests or later.rests)


def key_of(workload: Obj) -> WorkloadKey:
    """In a list, objects don't have their kind."""
    kind = workload.get("kind") or (STATEFUL_SET if _is_stateful(workload) else DEPLOYMENT)
    return WorkloadKey(workload["metadata"].get("namespace", ""), kind, workload["metadata"]["name"])


def wanted_replicas(workload: Obj) -> int:
    """What the workload asks for; absent is 1."""
    replicas = workload["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def services_annotation(workloads: Iterable[Obj]) -> str:
    """The text of `SERVICES` for workloads that have the annotation `NEEDED_REPLICAS`."""
    needed = {
        f"{each['kind']}/{each['metadata']['name']}": int(annotations_of(each)[NEEDED_REPLICAS]) for each in workloads
    }
    return json.dumps(needed, separators=(",", ":"))


def declared_in(namespace: Obj) -> dict[WorkloadKey, int]:
    """The needed replicas by workload in the Namespace's annotation; empty if there is no valid one."""
    try:
        found = json.loads(annotations_of(namespace).get(SERVICES) or "{}")
        pairs = [(*name.split("/", 1), max(1, int(needed))) for name, needed in found.items()]
        return {WorkloadKey(namespace["metadata"]["name"], kind, name): needed for kind, name, needed in pairs}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _need(workload: Obj, floor: int | None, budgets: Iterable[Obj]) -> Need:
    wanted = floor if floor is not None else wanted_replicas(workload)
    try:
        needed = int(annotations_of(workload)[NEEDED_REPLICAS])
    except (KeyError, ValueError):
        needed = _least(workload, wanted, budgets)
    return Need(max(1, needed), wanted)


def _least(workload: Obj, wanted: int, budgets: Iterable[Obj]) -> int:
    """The minimum that the budgets for the workload's pods ask for, and at least one."""
    labels = workload["spec"].get("template", {}).get("metadata", {}).get("labels") or {}
    namespace = workload["metadata"].get("namespace", "")
    found = [
        _least_of(each["spec"], wanted)
        for each in budgets
        if each["metadata"].get("namespace", "") == namespace and selector_matches(each["spec"].get("selector"), labels)
    ]
    return max(1, min(wanted, max(found, default=1)))


def _least_of(budget: Obj, wanted: int) -> int:
    """Kubernetes rounds both percentages up."""
    if (most := budget.get("maxUnavailable")) is not None:
        return wanted - _portion(most, wanted)
    return _portion(budget.get("minAvailable", 1), wanted)


def _portion(step: int | str, base: int) -> int:
    if isinstance(step, str) and step.endswith("%"):
        return -(-int(step.rstrip("%")) * base // 100)
    return int(step)


def _target_of(autoscaler: Obj) -> WorkloadKey:
    target = autoscaler["spec"]["scaleTargetRef"]
    return WorkloadKey(autoscaler["metadata"].get("namespace", ""), target.get("kind", DEPLOYMENT), target["name"])


def _without_dues(promise: Promise) -> Promise:
    return Promise({key: need._replace(is_due=False) for key, need in promise.services.items()}, promise.rests)


def _is_stateful(workload: Obj) -> bool:
    return not {"serviceName", "updateStrategy"}.isdisjoint(workload["spec"])

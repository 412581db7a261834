"""Whether each service of a tenant is up, down or unknown at one moment: what was promised against what is there.

    up        as many replicas are ready as the promise needs
    down      fewer are, also if all of whose node doesn't answer were ready; or the workload that was deployed is
              missing, whatever pods are left of it
    unknown   that depends on pods whose node doesn't answer; or it isn't due yet; or the tenant rests

What was not promised (another workload in the same namespace) changes nothing.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.kube.labels import TENANT
from shared.kube.objects import Obj, condition, is_terminating, labels_of, selector_matches
from shared.sla.promise import Need, Promise, WorkloadKey, key_of, wanted_replicas


class ServiceState(NamedTuple):
    """One service at one moment; `up` is None where that is unknown."""

    up: bool | None
    ready: int
    needed: int
    wanted: int
    is_due: bool = True
    is_missing: bool = False


def service_states(promise: Promise, workloads: Iterable[Obj], pods: Iterable[Obj]) -> dict[WorkloadKey, ServiceState]:
    """The state of each service of `promise`. `workloads` and `pods` are the tenant's, as the API server lists them."""
    found = {key_of(each): each for each in workloads if not is_terminating(each)}
    pods = list(pods)
    return {key: _state(need, found.get(key), pods, rests=promise.rests) for key, need in promise.services.items()}


def is_available(states: Mapping[WorkloadKey, ServiceState]) -> bool | None:
    """Whether the tenant is up: all its services that are due are, or all of them where none is due yet.

    One that is down outweighs another that is unknown.
    """
    due = [each.up for each in states.values() if each.is_due]
    found = set(due or [each.up for each in states.values()])
    if False in found:
        return False
    return None if None in found or not found else True


def ready_pods(workload: Obj, pods: Iterable[Obj]) -> tuple[int, int]:
    """How many of the workload's pods are ready, and of how many that is unknown."""
    namespace, selector = workload["metadata"].get("namespace", ""), workload["spec"].get("selector")
    mine = [
        _ready(pod)
        for pod in pods
        if pod["metadata"].get("namespace", "") == namespace and selector_matches(selector, labels_of(pod))
    ]
    return max(mine.count(True), _counted_ready(workload, len(mine))), mine.count(None)


def _counted_ready(workload: Obj, listed: int) -> int:
    """How many pods its controller counts as ready, while some of them are not listed; else 0.

    Pods are listed by our label. Those of an adopted workload may not have it, until a rollout has replaced them.
    """
    status = workload.get("status") or {}
    replicas, ready = int(status.get("replicas") or 0), int(status.get("readyReplicas") or 0)
    if _is_labelled(workload):
        is_incomplete = int(status.get("updatedReplicas") or 0) < replicas and listed < replicas
    else:
        is_incomplete = not listed
    return ready if is_incomplete else 0


def _is_labelled(workload: Obj) -> bool:
    """Whether its new pods have our label."""
    metadata = workload["spec"].get("template", {}).get("metadata") or {}
    return TENANT in (metadata.get("labels") or {})


def _state(need: Need, workload: Obj | None, pods: list[Obj], *, rests: bool) -> ServiceState:
    is_due = need.is_due and not rests
    if workload is None:
        wanted = 0 if rests else need.wanted
        return ServiceState(False if is_due else None, 0, need.needed, wanted, is_due, is_missing=True)
    ready, unknown = ready_pods(workload, pods)
    wanted = wanted_replicas(workload) if rests else max(wanted_replicas(workload), need.wanted)
    return ServiceState(None if rests else _is_up(need, ready, unknown), ready, need.needed, wanted, is_due)


def _is_up(need: Need, ready: int, unknown: int) -> bool | None:
    if ready >= need.needed:
        return True
    return None if ready + unknown >= need.needed or not need.is_due else False


def _ready(pod: Obj) -> bool | None:
    """Whether the pod takes requests; None where its node doesn't answer."""
    if is_terminating(pod):
        return False
    status = (condition(pod, "Ready") or {}).get("status")
    return None if status == "Unknown" else bool(status == "True")

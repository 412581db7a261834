"""Patches for the replicas of workloads, and for restarts. Pure.

Patched instead of applied, as `kubectl scale` and `kubectl rollout restart` do: a manifest leaves out the replicas of
an autoscaled workload, and a later manifest without the restart's annotation must not restart the pods again. An
autoscaler leaves a workload with 0 replicas alone. Hence a stop lasts, and a start is the deployer's work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.deployer.cluster.api import ref_of
from services.deployer.cluster.manifest_objects import WORKLOADS, autoscaler_minimums
from services.deployer.health import pods, rules
from services.deployer.reconcile.progress import listed
from services.deployer.state.progress_report import INITIAL_PROGRESS, ProgressReport
from services.deployer.state.records import ObjectRef
from shared.events import Phase, ResourceState
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj, optional_time

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
SCALABLE = frozenset({"Deployment", "StatefulSet"})
"""A DaemonSet has no replicas; its pods stay when a tenant is stopped."""
_NEARLY_DONE = 99


class Patch(NamedTuple):
    """A JSON merge patch for one object."""

    ref: ObjectRef
    body: Obj


class StopStep(NamedTuple):
    """The state of a stop at one moment: patches that are still needed, and the progress."""

    patches: tuple[Patch, ...]
    report: ProgressReport
    is_done: bool


def patches_to_run(
    objects: Sequence[Obj],
    skipped: frozenset[Kind],
    find: Callable[[Obj], Obj | None],
    restarted_at: datetime | None,
) -> list[Patch]:
    """The patches that a manifest's workloads need besides apply: to start from 0 replicas, and to restart."""
    minimums = autoscaler_minimums(objects, skipped)
    found = []
    for obj in objects:
        if obj["kind"] not in WORKLOADS or kind_of(obj) in skipped or (live := find(obj)) is None:
            continue
        minimum = minimums.get((obj["kind"], obj["metadata"]["name"]), 0)
        if spec := _scale_up(live, minimum) | _restart(live, restarted_at):
            found.append(Patch(ref_of(obj), {"spec": spec}))
    return found


def plan_stop(workloads: Iterable[Obj], tenant_pods: Sequence[Obj], replica_sets: Sequence[Obj]) -> StopStep:
    """The next step of a stop. It is done when each of `workloads` (of `SCALABLE`) has 0 replicas and no pod."""
    patches, states, left = [], [], []
    for live in workloads:
        own = [pod["metadata"]["name"] for pod in pods.all_pods(live, tenant_pods, replica_sets)]
        if live["spec"].get("replicas", 1) != 0:
            patches.append(Patch(ref_of(live), {"spec": {"replicas": 0}}))
        left += own
        states.append(_stop_state(live, len(own)))
    done = sum(1 for state in states if state.status == "Stopped")
    progress = INITIAL_PROGRESS + (_NEARLY_DONE - INITIAL_PROGRESS) * done // max(len(states), 1)
    message = f"{done} of {len(states)} workloads are stopped" + (f"; waiting for {listed(left)}" if left else "")
    report = ProgressReport(Phase.SCALING_SERVICES, progress, message, tuple(states))
    return StopStep(tuple(patches), report, done == len(states))


def _stop_state(live: Obj, running: int) -> ResourceState:
    is_stopped = not running and live["spec"].get("replicas", 1) == 0 and rules.is_observed(live)
    return ResourceState(
        type=live["kind"],
        name=live["metadata"]["name"],
        status="Stopped" if is_stopped else "Terminating",
        replicas=f"{running}/0",
    )


def _scale_up(live: Obj, minimum: int) -> dict[str, Any]:
    """To the autoscaler's minimum from 0 replicas, which an autoscaler never raises."""
    return {"replicas": minimum} if minimum and live["spec"].get("replicas", 1) == 0 else {}


def _restart(live: Obj, restarted_at: datetime | None) -> dict[str, Any]:
    """The annotation that makes a workload restart its pods, unless they were restarted since."""
    if restarted_at is None or any(restart >= restarted_at for restart in _restarts(live)):
        return {}
    text = restarted_at.isoformat().replace("+00:00", "Z")
    return {"template": {"metadata": {"annotations": {RESTARTED_AT: text}}}}


def _restarts(live: Obj) -> Iterator[datetime]:
    """When the pods were restarted last, if that is known."""
    annotations = live["spec"].get("template", {}).get("metadata", {}).get("annotations") or {}
    try:
        restarted = optional_time(annotations.get(RESTARTED_AT))
    except ValueError:
        return
    if restarted is not None and restarted.tzinfo is not None:
        yield restarted

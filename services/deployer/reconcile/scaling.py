"""How many replicas a workload is to have, and when its pods are to be new ones: the patches that bring it about. Pure.

Patched rather than applied, as `kubectl scale` and `kubectl rollout restart` do: a manifest leaves out the replicas
that an autoscaler sees to, and a later manifest without the restart's mark must not roll the pods once more. An
autoscaler leaves a workload of 0 replicas alone, which makes a stop last, and a start the deployer's work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.deployer.cluster.api import Kind, Obj, kind_of, ref_of
from services.deployer.health import pods, rules
from services.deployer.health.snapshot import WORKLOADS, minimums
from services.deployer.reconcile.progress import STARTED, ProgressReport
from services.deployer.state.records import ObjectRef
from shared.events import Phase, ResourceState

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
SCALABLE = frozenset({"Deployment", "StatefulSet"})
"""A DaemonSet has no replicas; its pods stay when a tenant is stopped."""
_NEARLY_DONE = 99
_NAMED_AT_MOST = 5


class Patch(NamedTuple):
    """A JSON merge patch for one object."""

    ref: ObjectRef
    body: Obj


class StopStep(NamedTuple):
    """One look at a tenant that is to be stopped."""

    patches: tuple[Patch, ...]
    report: ProgressReport
    is_done: bool


def to_run(
    objects: Sequence[Obj],
    skipped: frozenset[Kind],
    find: Callable[[Obj], Obj | None],
    restarted_at: datetime | None,
) -> list[Patch]:
    """What the workloads of a manifest need besides being applied, to run and to run anew."""
    floors = minimums(objects, skipped)
    found = []
    for obj in objects:
        if obj["kind"] not in WORKLOADS or kind_of(obj) in skipped or (live := find(obj)) is None:
            continue
        spec = _rouse(live, floors.get((obj["kind"], obj["metadata"]["name"]), 0)) | _renew(live, restarted_at)
        if spec:
            found.append(Patch(ref_of(obj), {"spec": spec}))
    return found


def to_stop(workloads: Iterable[Obj], tenant_pods: Sequence[Obj], replica_sets: Sequence[Obj]) -> StopStep:
    """Done when every workload of `workloads` (of `SCALABLE`) is at 0 and none of its pods is there any more."""
    patches, states, left = [], [], []
    total = done = 0
    for live in workloads:
        total += 1
        mine = [pod["metadata"]["name"] for pod in pods.all_pods(live, tenant_pods, replica_sets)]
        if live["spec"].get("replicas", 1) != 0:
            patches.append(Patch(ref_of(live), {"spec": {"replicas": 0}}))
        is_stopped = not mine and live["spec"].get("replicas", 1) == 0 and rules.is_observed(live)
        done += is_stopped
        left += mine
        word = "Stopped" if is_stopped else "Terminating"
        name = live["metadata"]["name"]
        states.append(ResourceState(type=live["kind"], name=name, status=word, replicas=f"{len(mine)}/0"))
    progress = STARTED + (_NEARLY_DONE - STARTED) * done // max(total, 1)
    report = ProgressReport(Phase.SCALING_SERVICES, progress, _stopping_message(done, total, left), tuple(states))
    return StopStep(tuple(patches), report, done == total)


def _rouse(live: Obj, floor: int) -> dict[str, Any]:
    """An autoscaler never raises what is at 0."""
    return {"replicas": floor} if floor and live["spec"].get("replicas", 1) == 0 else {}


def _renew(live: Obj, restarted_at: datetime | None) -> dict[str, Any]:
    """Unless somebody restarted it later than that."""
    if restarted_at is None or any(marked >= restarted_at for marked in _marks(live)):
        return {}
    mark = restarted_at.isoformat().replace("+00:00", "Z")
    return {"template": {"metadata": {"annotations": {RESTARTED_AT: mark}}}}


def _marks(live: Obj) -> Iterator[datetime]:
    annotations = live["spec"].get("template", {}).get("metadata", {}).get("annotations") or {}
    try:
        marked = rules.parse_time(annotations.get(RESTARTED_AT))
    except ValueError:
        return
    if marked is not None and marked.tzinfo is not None:
        yield marked


def _stopping_message(done: int, total: int, left: Sequence[str]) -> str:
    text = f"{done} of {total} workloads are stopped"
    if not left:
        return text
    more = len(left) - _NAMED_AT_MOST
    return f"{text}; waiting for {', '.join(left[:_NAMED_AT_MOST])}" + (f" and {more} more" if more > 0 else "")

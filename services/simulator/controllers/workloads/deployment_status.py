"""A Deployment's status: counts and the conditions Available, Progressing and ReplicaFailure. Pure.

Reasons and messages are those of Kubernetes, because `kubectl rollout status`, Argo CD and our deployer read them.
"""

from datetime import UTC, datetime, timedelta

from services.simulator.controllers.workloads.rollout import limits, wanted
from services.simulator.objects import with_condition
from shared.kube import texts
from shared.kube.objects import Obj, condition
from shared.kube.texts import format_time

NEW_CREATED = "NewReplicaSetCreated"
FOUND_NEW = "FoundNewReplicaSet"
UPDATED = "ReplicaSetUpdated"
COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
# The value (the largest int32) that means "no deadline".
NO_DEADLINE = 2**31 - 1


def status(deployment: Obj, new: Obj | None, sets: list[Obj], conditions: list[Obj], now: datetime) -> Obj:
    """The new status but for progress; `sets` are all ReplicaSets, `conditions` the present conditions.

    Counts of zero are omitted, as in Go's encoding.
    """
    counts = _counts(new, sets)
    result = {
        "observedGeneration": deployment["metadata"].get("generation"),
        **{name: count for name, count in counts.items() if count},
    }
    if collisions := (deployment.get("status") or {}).get("collisionCount"):
        result["collisionCount"] = collisions
    result["conditions"] = with_condition(conditions, _availability(deployment, counts["availableReplicas"], now))
    result["conditions"] = _with_failure(result["conditions"], [new] if new else sets)
    return result


def with_progress(deployment: Obj, new: Obj | None, result: Obj, now: datetime, elapsed: float) -> Obj:
    """The status with an updated condition Progressing.

    `elapsed` is the time in simulated seconds since that condition was last updated.
    """
    if deadline_of(deployment) is None:
        return {**result, "conditions": [c for c in result["conditions"] if c["type"] != "Progressing"]}
    current = condition({"status": result}, "Progressing")
    settled = current is not None and current["reason"] == COMPLETE
    if settled and result.get("replicas", 0) == result.get("updatedReplicas", 0):
        return result
    subject = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, result):
        found = progressing("True", COMPLETE, f"{subject} has successfully progressed.", now)
    elif _moved_on(deployment.get("status") or {}, result):
        found = progressing("True", UPDATED, f"{subject} is progressing.", now)
    elif has_timed_out(deployment, current, elapsed):
        found = progressing("False", TIMED_OUT, f"{subject} has timed out progressing.", now)
    else:
        return result
    return {**result, "conditions": with_condition(result["conditions"], found, refresh=True)}


def is_complete(deployment: Obj, result: Obj) -> bool:
    """True if all pods belong to the current template and are available."""
    goal = wanted(deployment)
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    return all(result.get(name, 0) == goal for name in counts)


def deadline_of(deployment: Obj) -> int | None:
    """spec.progressDeadlineSeconds; None for no deadline."""
    seconds = deployment["spec"].get("progressDeadlineSeconds", 600)
    return None if seconds is None or seconds == NO_DEADLINE else int(seconds)


def has_timed_out(deployment: Obj, current: Obj | None, elapsed: float) -> bool:
    """True if an unfinished rollout made no progress within its deadline. Stays true once it is reported."""
    deadline = deadline_of(deployment)
    if current is None or deadline is None or current["reason"] in (COMPLETE, PAUSED, TIMED_OUT):
        return False
    return elapsed >= deadline


def progressing(state: str, reason: str, message: str, now: datetime) -> Obj:
    """A Progressing condition."""
    return _condition("Progressing", state, reason, message, now)


def moment(condition_found: Obj) -> datetime:
    """When the condition was last updated."""
    written = condition_found.get("lastUpdateTime") or condition_found.get("lastTransitionTime")
    return texts.parse_time(written) if written else datetime.min.replace(tzinfo=UTC)


def _counts(new: Obj | None, sets: list[Obj]) -> dict[str, int]:
    def total(name: str) -> int:
        return sum((one.get("status") or {}).get(name) or 0 for one in sets)

    available = total("availableReplicas")
    return {
        "replicas": total("replicas"),
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas") or 0,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(wanted, sets)) - available),
    }


def _availability(deployment: Obj, available: int, now: datetime) -> Obj:
    if available >= wanted(deployment) - limits(deployment).unavailable:
        return _condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    return _condition(
        "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now
    )


def _with_failure(conditions: list[Obj], sets: list[Obj]) -> list[Obj]:
    for one in sets:
        if failure := condition(one, "ReplicaFailure"):
            return with_condition(conditions, failure)
    return [found for found in conditions if found["type"] != "ReplicaFailure"]


def _moved_on(before: Obj, after: Obj) -> bool:
    def old_pods(counts: Obj) -> int:
        return int(counts.get("replicas", 0)) - int(counts.get("updatedReplicas", 0))

    rises = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_pods(after) < old_pods(before) or any(after.get(name, 0) > before.get(name, 0) for name in rises)


def _condition(kind: str, state: str, reason: str, message: str, now: datetime) -> Obj:
    written = format_time(now)
    return {
        "type": kind,
        "status": state,
        "lastUpdateTime": written,
        "lastTransitionTime": written,
        "reason": reason,
        "message": message,
    }


def earliest_check(deployment: Obj, result: Obj, elapsed: float) -> timedelta | None:
    """The time until the deadline must be checked; None if there is nothing to check."""
    current, deadline = condition({"status": result}, "Progressing"), deadline_of(deployment)
    if current is None or deadline is None or current["reason"] in (COMPLETE, TIMED_OUT, PAUSED):
        return None
    return timedelta(seconds=max(0.0, deadline - elapsed) + 1)

"""What is wrong with a pod, and which pods belong to a workload's newest revision. Pure, in Kubernetes' terms.

The status of a Deployment only counts replicas; the reason why one isn't ready is in its pods. Pods of an older rollout
are left out: a deployment that repairs a broken image must not fail because of them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.kube.objects import Obj, annotations_of, condition, controller_of, is_terminating, labels_of

REVISION = "deployment.kubernetes.io/revision"
UNSCHEDULABLE = "Unschedulable"
_ERROR = re.compile(r"Err.*|.*Error|.*BackOff|InvalidImageName|OOMKilled")


@dataclass(frozen=True)
class PodProblem:
    """Why a pod doesn't become ready, e.g. `ImagePullBackOff`, with Kubernetes' message."""

    reason: str
    message: str = ""
    since: str | None = None
    """A timestamp, if Kubernetes has one."""

    @property
    def text(self) -> str:
        """Reason and message."""
        return f"{self.reason}: {self.message}" if self.message else self.reason


def find_problem(pod: Obj) -> PodProblem | None:
    """What is wrong with `pod` now; None if it is ready, completed or still starting."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return PodProblem(status.get("reason") or "Failed", status.get("message", ""))
    if status.get("phase") == "Pending" and (problem := _unscheduled(pod)) is not None:
        return problem
    return next((problem for each in _containers(pod) if (problem := _container_problem(each)) is not None), None)


def state_of(pod: Obj) -> str:
    """The state of a pod without a problem: `ContainerCreating`, `Running`, `Pending`."""
    for container in _containers(pod):
        if waiting := container.get("state", {}).get("waiting"):
            return str(waiting.get("reason") or "Waiting")
    return str(pod.get("status", {}).get("phase", "Pending"))


def newest_pods(workload: Obj, pods: Iterable[Obj], replica_sets: Iterable[Obj]) -> list[Obj]:
    """The pods of the workload's newest revision that aren't being deleted, by name."""
    uid = workload["metadata"].get("uid")
    if workload["kind"] == "Deployment":
        newest = newest_replica_set(workload, replica_sets)
        uid = newest["metadata"].get("uid") if newest else None
    revision = workload.get("status", {}).get("updateRevision")
    found = [
        pod
        for pod in pods
        if uid is not None
        and owner_uid(pod) == uid
        and not is_terminating(pod)
        and revision in (None, labels_of(pod).get("controller-revision-hash", revision))
    ]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def all_pods(workload: Obj, pods: Iterable[Obj], replica_sets: Iterable[Obj]) -> list[Obj]:
    """The pods of every revision of `workload`, including those that are being deleted."""
    uid = workload["metadata"].get("uid")
    owners = {uid, *(each["metadata"].get("uid") for each in replica_sets if owner_uid(each) == uid)} - {None}
    return [pod for pod in pods if owner_uid(pod) in owners]


def newest_replica_set(deployment: Obj, replica_sets: Iterable[Obj]) -> Obj | None:
    """The ReplicaSet with the Deployment's own revision."""
    uid, revision = deployment["metadata"].get("uid"), _revision(deployment)
    owned = [each for each in replica_sets if owner_uid(each) == uid]
    return next((each for each in owned if _revision(each) == revision), None)


def owner_uid(obj: Obj) -> str | None:
    """The uid of the controller that created `obj`."""
    controller = controller_of(obj)
    return controller["uid"] if controller else None


def _revision(obj: Obj) -> str | None:
    return annotations_of(obj).get(REVISION)


def _unscheduled(pod: Obj) -> PodProblem | None:
    found = condition(pod, "PodScheduled") or {}
    if found.get("status") != "False" or found.get("reason") != UNSCHEDULABLE:
        return None
    return PodProblem(UNSCHEDULABLE, found.get("message", ""), found.get("lastTransitionTime"))


def _containers(pod: Obj) -> Iterator[Obj]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _container_problem(container: Obj) -> PodProblem | None:
    waiting = container.get("state", {}).get("waiting") or {}
    terminated = container.get("state", {}).get("terminated") or {}
    if _ERROR.fullmatch(waiting.get("reason") or ""):
        message = "; ".join(part for part in (waiting.get("message"), _last_end(container)) if part)
        return PodProblem(waiting["reason"], message)
    if _ERROR.fullmatch(terminated.get("reason") or ""):
        return PodProblem(terminated["reason"], terminated.get("message") or f"exit code {terminated.get('exitCode')}")
    return None


def _last_end(container: Obj) -> str:
    last = container.get("lastState", {}).get("terminated")
    return f"last ended with {last.get('reason')}, exit code {last.get('exitCode')}" if last else ""

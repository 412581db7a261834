"""What is wrong with a pod, and which pods are a workload's newest. Pure, and in Kubernetes' own words.

A Deployment's status only counts; why a replica isn't ready stands in its pods. Those of an older rollout are left
out: a deployment that repairs a broken image must not fail because of it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.deployer.cluster.api import Obj

REVISION = "deployment.kubernetes.io/revision"
UNSCHEDULABLE = "Unschedulable"
_ERROR = re.compile(r"Err.*|.*Error|.*BackOff|InvalidImageName|OOMKilled")


@dataclass(frozen=True)
class PodProblem:
    """Why a pod doesn't get ready, e.g. `ImagePullBackOff`, and the sentence that goes with it."""

    reason: str
    message: str = ""
    since: str | None = None
    """A timestamp, where Kubernetes gives one."""

    @property
    def text(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


def find_problem(pod: Obj) -> PodProblem | None:
    """What is wrong with `pod` now, or None if it is ready, done or still on its way."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return PodProblem(status.get("reason") or "Failed", status.get("message", ""))
    if status.get("phase") == "Pending" and (trouble := _unscheduled(pod)) is not None:
        return trouble
    return next((trouble for each in _containers(pod) if (trouble := _container_trouble(each)) is not None), None)


def doing(pod: Obj) -> str:
    """What a pod without trouble is at, in a word: `ContainerCreating`, `Running`, `Pending`."""
    for container in _containers(pod):
        if waiting := container.get("state", {}).get("waiting"):
            return str(waiting.get("reason") or "Waiting")
    return str(pod.get("status", {}).get("phase", "Pending"))


def is_ready(pod: Obj) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def newest_pods(workload: Obj, pods: Iterable[Obj], replica_sets: Iterable[Obj]) -> list[Obj]:
    """The pods of `workload`'s newest revision that are there to stay, by name."""
    uid = workload["metadata"].get("uid")
    if workload["kind"] == "Deployment":
        newest = newest_replica_set(workload, replica_sets)
        uid = newest["metadata"].get("uid") if newest else None
    revision = workload.get("status", {}).get("updateRevision")
    found = [
        pod
        for pod in pods
        if uid is not None
        and owner(pod) == uid
        and not pod["metadata"].get("deletionTimestamp")
        and revision in (None, pod["metadata"].get("labels", {}).get("controller-revision-hash", revision))
    ]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def all_pods(workload: Obj, pods: Iterable[Obj], replica_sets: Iterable[Obj]) -> list[Obj]:
    """The pods of every revision of `workload`, also those that are on their way out."""
    uid = workload["metadata"].get("uid")
    owners = {uid, *(each["metadata"].get("uid") for each in replica_sets if owner(each) == uid)} - {None}
    return [pod for pod in pods if owner(pod) in owners]


def newest_replica_set(deployment: Obj, replica_sets: Iterable[Obj]) -> Obj | None:
    """The one with the Deployment's own revision."""
    uid, revision = deployment["metadata"].get("uid"), _revision(deployment)
    owned = [each for each in replica_sets if owner(each) == uid]
    return next((each for each in owned if _revision(each) == revision), None)


def owner(obj: Obj) -> str | None:
    """The uid of the controller that made `obj`."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((each["uid"] for each in references if each.get("controller")), None)


def _revision(obj: Obj) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(REVISION)


def _unscheduled(pod: Obj) -> PodProblem | None:
    conditions = pod["status"].get("conditions") or ()
    found: Obj = next((each for each in conditions if each.get("type") == "PodScheduled"), {})
    if found.get("status") != "False" or found.get("reason") != UNSCHEDULABLE:
        return None
    return PodProblem(UNSCHEDULABLE, found.get("message", ""), found.get("lastTransitionTime"))


def _containers(pod: Obj) -> Iterator[Obj]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _container_trouble(container: Obj) -> PodProblem | None:
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

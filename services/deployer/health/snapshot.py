"""The state of every object of a manifest at one moment, without any decision yet. Pure.

A Deployment with an autoscaler isn't done until it has the autoscaler's minimum of replicas. Replicas are counted among
the pods of the newest revision: a Deployment's own `readyReplicas` includes the old ones while it rolls out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.deployer.cluster.api import POD, REPLICA_SET, ref_of
from services.deployer.cluster.manifest_objects import AUTOSCALER, WORKLOADS, autoscaler_minimums
from services.deployer.health import pods, rules
from services.deployer.health.rules import HealthStatus, ObjectHealth
from services.deployer.state.records import ObjectRef
from shared.events import ResourceState
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj, is_ready

WATCHED = WORKLOADS | {
    "APIService",
    "CronJob",
    "CustomResourceDefinition",
    AUTOSCALER,
    "Ingress",
    "Job",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "ReplicaSet",
    "Service",
}
"""Kinds that may be unhealthy after they were applied; all others are done then."""

_STATUS_TEXTS = {
    HealthStatus.FAILED: "Failed",
    HealthStatus.SUSPENDED: "Suspended",
    HealthStatus.TERMINATING: "Terminating",
}
_DONE_TEXTS = {
    "PersistentVolumeClaim": "Bound",
    "Job": "Complete",
    **dict.fromkeys((*WORKLOADS, "ReplicaSet"), "Available"),
}


class UnreadyPod(NamedTuple):
    """A pod that isn't ready, with its problem or at least its state."""

    name: str
    uid: str
    problem: pods.PodProblem | None
    state: str


@dataclass(frozen=True)
class ObjectStatus:
    """One object of the manifest, as it is in the cluster."""

    ref: ObjectRef
    health: ObjectHealth
    ready: int = 0
    wanted: int = 0
    """Replicas; 0 of 0 for a kind without replicas."""
    unready: tuple[UnreadyPod, ...] = ()
    skipped: bool = False
    missing: bool = False
    tolerated: bool = False
    """Unhealthy, but only reported as a warning."""

    @property
    def is_workload(self) -> bool:
        """Whether the object runs pods."""
        return self.ref.kind in WORKLOADS

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.skipped or self.tolerated or self.health.is_healthy

    @property
    def state(self) -> ResourceState:
        """The state that events report."""
        replicas = f"{self.ready}/{self.wanted}" if self.is_workload else None
        return ResourceState(type=self.ref.kind, name=self.ref.name, status=self._status(), replicas=replicas)

    def _status(self) -> str:
        if self.skipped:
            return "Skipped"
        if self.tolerated:
            return "Degraded"
        if self.health.is_healthy:
            return _DONE_TEXTS.get(self.ref.kind, "Active")
        started = not self.is_workload or self.ready > 0 or self.unready
        return _STATUS_TEXTS.get(self.health.status, "Progressing" if started else "Pending")


class TenantSnapshot(NamedTuple):
    """What is known of a cluster at one moment."""

    find: Callable[[Obj], Obj | None]
    """Returns the live object for one of the manifest, of the watched kinds."""
    pods: Sequence[Obj]
    replica_sets: Sequence[Obj]
    now: datetime
    wait_for_ingress_address: bool = True


def assess_objects(objects: Sequence[Obj], skipped: frozenset[Kind], snapshot: TenantSnapshot) -> list[ObjectStatus]:
    """The status of every object of the manifest, in its order."""
    minimums = autoscaler_minimums(objects, skipped)
    return [_assess(obj, kind_of(obj) in skipped, snapshot, minimums) for obj in objects]


def watched_kinds(objects: Sequence[Obj], skipped: frozenset[Kind]) -> list[Kind]:
    """The kinds to watch for assessing `objects`."""
    kinds = dict.fromkeys(kind_of(obj) for obj in objects if obj["kind"] in WATCHED and kind_of(obj) not in skipped)
    if any(kind.kind in WORKLOADS for kind in kinds):
        kinds.update(dict.fromkeys((POD, REPLICA_SET)))
    return list(kinds)


def _assess(obj: Obj, skipped: bool, snapshot: TenantSnapshot, minimums: Mapping[tuple[str, str], int]) -> ObjectStatus:
    ref = ref_of(obj)
    if skipped or obj["kind"] not in WATCHED:
        return ObjectStatus(ref, ObjectHealth(HealthStatus.HEALTHY), skipped=skipped)
    live = snapshot.find(obj)
    if live is None:
        return ObjectStatus(ref, ObjectHealth(HealthStatus.PROGRESSING, "is gone from the cluster"), missing=True)
    health = rules.assess(live, snapshot.now, wait_for_ingress_address=snapshot.wait_for_ingress_address)
    if obj["kind"] not in WORKLOADS:
        return ObjectStatus(ref, health)
    return _assess_workload(ref, live, health, snapshot, minimums.get((ref.kind, ref.name), 0))


def _assess_workload(
    ref: ObjectRef, live: Obj, health: ObjectHealth, snapshot: TenantSnapshot, minimum: int
) -> ObjectStatus:
    has, wanted = _replicas(live), max(_replicas(live), minimum)
    if health.is_healthy and has < wanted:
        reason = f"waits for its autoscaler to raise it from {has} to {wanted} replicas"
        health = ObjectHealth(HealthStatus.PROGRESSING, reason)
    newest = pods.newest_pods(live, snapshot.pods, snapshot.replica_sets) if rules.is_observed(live) else []
    unready = tuple(_unready(pod) for pod in newest if not is_ready(pod))
    ready = wanted if health.is_healthy else min(len(newest) - len(unready), wanted)
    return ObjectStatus(ref, health, ready=ready, wanted=wanted, unready=unready)


def _replicas(live: Obj) -> int:
    if live["kind"] == "DaemonSet":
        return int(live.get("status", {}).get("desiredNumberScheduled", 0))
    return int(live.get("spec", {}).get("replicas", 1))


def _unready(pod: Obj) -> UnreadyPod:
    metadata = pod["metadata"]
    return UnreadyPod(metadata["name"], metadata.get("uid", ""), pods.find_problem(pod), pods.state_of(pod))

"""How every object of a manifest is right now: one look at a cluster, with nothing decided yet. Pure.

A Deployment whose autoscaler has a minimum isn't done before it has been raised to it. Replicas are counted among the
pods of the newest revision, since a Deployment's own `readyReplicas` counts the old ones, too, while it rolls.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.deployer.cluster.api import Kind, Obj, kind_of, ref_of
from services.deployer.health import pods, rules
from services.deployer.health.rules import Health, HealthStatus
from services.deployer.state.records import ObjectRef
from shared.events import ResourceState

POD = Kind("v1", "Pod")
REPLICA_SET = Kind("apps/v1", "ReplicaSet")
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
AUTOSCALER = "HorizontalPodAutoscaler"
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
"""Kinds that may be unhealthy after they were applied; all others are done with it."""

_WORDS = {HealthStatus.FAILED: "Failed", HealthStatus.SUSPENDED: "Suspended", HealthStatus.TERMINATING: "Terminating"}
_DONE = {"PersistentVolumeClaim": "Bound", "Job": "Complete", **dict.fromkeys((*WORKLOADS, "ReplicaSet"), "Available")}


class UnreadyPod(NamedTuple):
    """One pod that isn't ready."""

    name: str
    uid: str
    trouble: pods.PodProblem | None
    doing: str


@dataclass(frozen=True)
class ObjectStatus:
    """One object of the manifest, as it is in the cluster."""

    ref: ObjectRef
    health: Health
    ready: int = 0
    wanted: int = 0
    """Replicas; 0 of 0 for what has none."""
    waiting: tuple[UnreadyPod, ...] = ()
    skipped: bool = False
    missing: bool = False
    tolerated: bool = False
    """Unhealthy, and a warning only."""

    @property
    def is_workload(self) -> bool:
        return self.ref.kind in WORKLOADS

    @property
    def is_done(self) -> bool:
        return self.skipped or self.tolerated or self.health.is_healthy

    @property
    def state(self) -> ResourceState:
        """As a person sees it."""
        replicas = f"{self.ready}/{self.wanted}" if self.is_workload else None
        return ResourceState(type=self.ref.kind, name=self.ref.name, status=self._word(), replicas=replicas)

    def _word(self) -> str:
        if self.skipped:
            return "Skipped"
        if self.tolerated:
            return "Degraded"
        if self.health.is_healthy:
            return _DONE.get(self.ref.kind, "Active")
        started = not self.is_workload or self.ready > 0 or self.waiting
        return _WORDS.get(self.health.status, "Progressing" if started else "Pending")


class ClusterSnapshot(NamedTuple):
    """What is known of a cluster at one moment."""

    find: Callable[[Obj], Obj | None]
    """The object in the cluster for one of the manifest, of the watched kinds."""
    pods: Sequence[Obj]
    replica_sets: Sequence[Obj]
    now: datetime
    wait_for_ingress_address: bool = True


def assess_objects(objects: Sequence[Obj], skipped: frozenset[Kind], look: ClusterSnapshot) -> list[ObjectStatus]:
    """Every object of the manifest, in its order."""
    floors = minimums(objects, skipped)
    return [_item(obj, kind_of(obj) in skipped, look, floors) for obj in objects]


def watched_kinds(objects: Sequence[Obj], skipped: frozenset[Kind]) -> list[Kind]:
    """What must be watched to survey `objects`."""
    kinds = dict.fromkeys(kind_of(obj) for obj in objects if obj["kind"] in WATCHED and kind_of(obj) not in skipped)
    if any(kind.kind in WORKLOADS for kind in kinds):
        kinds.update(dict.fromkeys((POD, REPLICA_SET)))
    return list(kinds)


def _item(obj: Obj, skipped: bool, look: ClusterSnapshot, floors: dict[tuple[str, str], int]) -> ObjectStatus:
    ref = ref_of(obj)
    if skipped or obj["kind"] not in WATCHED:
        return ObjectStatus(ref, Health(HealthStatus.HEALTHY), skipped=skipped)
    live = look.find(obj)
    if live is None:
        return ObjectStatus(ref, Health(HealthStatus.PROGRESSING, "is gone from the cluster"), missing=True)
    verdict = rules.assess(live, look.now, wait_for_ingress_address=look.wait_for_ingress_address)
    if obj["kind"] not in WORKLOADS:
        return ObjectStatus(ref, verdict)
    return _workload(ref, live, verdict, look, floors.get((ref.kind, ref.name), 0))


def _workload(ref: ObjectRef, live: Obj, verdict: Health, look: ClusterSnapshot, minimum: int) -> ObjectStatus:
    has, wanted = _replicas(live), max(_replicas(live), minimum)
    if verdict.is_healthy and has < wanted:
        verdict = Health(
            HealthStatus.PROGRESSING, f"waits for its autoscaler to raise it from {has} to {wanted} replicas"
        )
    newest = pods.newest_pods(live, look.pods, look.replica_sets) if rules.is_observed(live) else []
    ready = sum(1 for pod in newest if pods.is_ready(pod))
    notes = tuple(_note(pod) for pod in newest if not pods.is_ready(pod))
    return ObjectStatus(
        ref, verdict, ready=wanted if verdict.is_healthy else min(ready, wanted), wanted=wanted, waiting=notes
    )


def _replicas(live: Obj) -> int:
    if live["kind"] == "DaemonSet":
        return int(live.get("status", {}).get("desiredNumberScheduled", 0))
    return int(live.get("spec", {}).get("replicas", 1))


def _note(pod: Obj) -> UnreadyPod:
    metadata = pod["metadata"]
    return UnreadyPod(metadata["name"], metadata.get("uid", ""), pods.find_problem(pod), pods.doing(pod))


def minimums(objects: Sequence[Obj], skipped: frozenset[Kind]) -> dict[tuple[str, str], int]:
    """The replicas that autoscalers of the manifest will see to, by their target."""
    found = {}
    for obj in objects:
        if obj["kind"] == AUTOSCALER and kind_of(obj) not in skipped:
            target = obj["spec"]["scaleTargetRef"]
            found[(target["kind"], target["name"])] = int(obj["spec"].get("minReplicas", 1))
    return found

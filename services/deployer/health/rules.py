"""Whether an object of a cluster is healthy, by rules for each kind. Pure: the object and the time are given.

For each kind the rule is the stricter of Argo CD's health check and kstatus'. While a controller hasn't seen the newest
spec (`observedGeneration`), its conditions describe an older one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.deployer.health.pods import UNSCHEDULABLE, PodProblem, find_problem
from shared.kube.objects import Obj, condition, is_ready, is_terminating, is_true, optional_time

_OBSERVED_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
"""Kinds whose controllers always set `observedGeneration`: without it they haven't seen the object yet."""
_UNSCHEDULABLE_AFTER = 15.0
"""Seconds without a node after which a pod has failed: scheduling takes some time."""


class HealthStatus(StrEnum):
    """The health of an object."""

    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    SUSPENDED = "suspended"
    TERMINATING = "terminating"
    FAILED = "failed"


@dataclass(frozen=True)
class ObjectHealth:
    """The result of a rule. `final` failures don't heal by themselves; `since` is the cluster's time of the failure."""

    status: HealthStatus
    reason: str = ""
    final: bool = False
    since: datetime | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.status is HealthStatus.HEALTHY


_HEALTHY = ObjectHealth(HealthStatus.HEALTHY)
Rule = Callable[[Obj, datetime], ObjectHealth]


def assess(obj: Obj, now: datetime, *, wait_for_ingress_address: bool = True) -> ObjectHealth:
    """The health of one object. A kind without a rule is healthy as soon as the object exists."""
    if is_terminating(obj):
        return ObjectHealth(HealthStatus.TERMINATING, "is being deleted")
    if not is_observed(obj):
        return _progressing("its controller has not seen the newest spec yet")
    if obj["kind"] == "Ingress" and not wait_for_ingress_address:
        return _HEALTHY
    rule = _RULES.get(obj["kind"])
    return rule(obj, now) if rule else _HEALTHY


def is_observed(obj: Obj) -> bool:
    """Whether the object's controller has seen the newest spec."""
    observed = obj.get("status", {}).get("observedGeneration", 0 if obj["kind"] in _OBSERVED_KINDS else None)
    return observed is None or int(observed) >= obj["metadata"].get("generation", 0)


def _deployment(obj: Obj, now: datetime) -> ObjectHealth:
    if obj.get("spec", {}).get("paused"):
        return ObjectHealth(HealthStatus.SUSPENDED, "is paused")
    progressing = condition(obj, "Progressing") or {}
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return _failed(progressing, final=True)
    if is_true(obj, "ReplicaFailure"):
        return _failed(condition(obj, "ReplicaFailure"))
    unfinished = next(_unfinished(obj), None)
    return _progressing(unfinished) if unfinished else _HEALTHY


def _unfinished(deployment: Obj) -> Iterator[str]:
    """The conditions of a complete rollout that aren't met."""
    status, wanted = deployment.get("status", {}), deployment.get("spec", {}).get("replicas", 1)
    total, updated = status.get("replicas", 0), status.get("updatedReplicas", 0)
    if updated < wanted:
        yield f"{updated} of {wanted} replicas are updated"
    if total > updated:
        yield f"{total - updated} old replicas are still there"
    for field in ("readyReplicas", "availableReplicas"):
        if status.get(field, 0) < wanted:
            yield f"{status.get(field, 0)} of {wanted} replicas are {field.removesuffix('Replicas')}"
    if not is_true(deployment, "Available"):
        yield "is not Available"
    progressing = condition(deployment, "Progressing")
    if progressing and progressing.get("reason") != "NewReplicaSetAvailable":
        yield f"Progressing: {progressing.get('reason')}"


def _stateful_set(obj: Obj, now: datetime) -> ObjectHealth:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted:
        return _progressing(f"{ready} of {wanted} replicas are ready")
    strategy = spec.get("updateStrategy", {})
    if strategy.get("type") == "OnDelete":
        return _HEALTHY
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if partition:
        done, todo = status.get("updatedReplicas", 0), max(wanted - partition, 0)
        return _HEALTHY if done >= todo else _progressing(f"{done} of {todo} replicas of the partition are updated")
    if status.get("currentRevision") != status.get("updateRevision"):
        return _progressing(f"{status.get('updatedReplicas', 0)} of {wanted} replicas are updated")
    return _HEALTHY


def _daemon_set(obj: Obj, now: datetime) -> ObjectHealth:
    status = obj.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    fields = {"currentNumberScheduled": "scheduled", "numberAvailable": "available", "numberReady": "ready"}
    if obj.get("spec", {}).get("updateStrategy", {}).get("type") != "OnDelete":
        fields["updatedNumberScheduled"] = "updated"
    for field, state in fields.items():
        if status.get(field, 0) < wanted:
            return _progressing(f"{status.get(field, 0)} of {wanted} pods are {state}")
    return _HEALTHY


def _replica_set(obj: Obj, now: datetime) -> ObjectHealth:
    if is_true(obj, "ReplicaFailure"):
        return _failed(condition(obj, "ReplicaFailure"))
    wanted, available = obj.get("spec", {}).get("replicas", 1), obj.get("status", {}).get("availableReplicas", 0)
    return _HEALTHY if available >= wanted else _progressing(f"{available} of {wanted} replicas are available")


def _job(obj: Obj, now: datetime) -> ObjectHealth:
    if is_true(obj, "Failed"):
        return _failed(condition(obj, "Failed"), final=True)
    if is_true(obj, "Complete"):
        return _HEALTHY
    if obj.get("spec", {}).get("suspend"):
        return ObjectHealth(HealthStatus.SUSPENDED, "is suspended")
    return _progressing("is running")


def _cron_job(obj: Obj, now: datetime) -> ObjectHealth:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    last, succeeded = optional_time(status.get("lastScheduleTime")), optional_time(status.get("lastSuccessfulTime"))
    if spec.get("suspend") or last is None or status.get("active"):
        return _HEALTHY
    if succeeded is None or succeeded < last:
        return ObjectHealth(HealthStatus.FAILED, "its last run failed", since=last)
    return _HEALTHY


def _pod(obj: Obj, now: datetime) -> ObjectHealth:
    problem = find_problem(obj)
    if problem is not None and not _is_recently_unscheduled(problem, now):
        return ObjectHealth(HealthStatus.FAILED, problem.text)
    if obj.get("status", {}).get("phase") == "Succeeded" or is_ready(obj):
        return _HEALTHY
    return _progressing(f"is {obj.get('status', {}).get('phase', 'Pending')}")


def _is_recently_unscheduled(problem: PodProblem, now: datetime) -> bool:
    """Whether a pod has had no node for a short time only."""
    since = optional_time(problem.since)
    is_recent = since is not None and (now - since).total_seconds() < _UNSCHEDULABLE_AFTER
    return problem.reason == UNSCHEDULABLE and is_recent


def _claim(obj: Obj, now: datetime) -> ObjectHealth:
    """A claim may wait for its first consumer: all objects are applied before any is waited for."""
    phase = obj.get("status", {}).get("phase", "Pending")
    if phase == "Lost":
        return ObjectHealth(HealthStatus.FAILED, "its volume is lost", final=True)
    return _HEALTHY if phase == "Bound" else _progressing(f"is {phase}")


def _service(obj: Obj, now: datetime) -> ObjectHealth:
    if obj.get("spec", {}).get("type") != "LoadBalancer":
        return _HEALTHY
    return _with_address(obj, "no load balancer has been assigned")


def _ingress(obj: Obj, now: datetime) -> ObjectHealth:
    return _with_address(obj, "has no address yet")


def _with_address(obj: Obj, otherwise: str) -> ObjectHealth:
    addresses = obj.get("status", {}).get("loadBalancer", {}).get("ingress")
    return _HEALTHY if addresses else _progressing(otherwise)


def _autoscaler(obj: Obj, now: datetime) -> ObjectHealth:
    """A new autoscaler may have no metrics for a minute: a failure, but not a final one."""
    for kind in ("AbleToScale", "ScalingActive"):
        found = condition(obj, kind) or {}
        if found.get("status") == "True" or found.get("reason") == "ScalingDisabled":
            continue
        reason = found.get("reason", "")
        if reason.startswith("FailedGet") or reason in ("FailedUpdateScale", "InvalidSelector"):
            return _failed(found)
        return _progressing(f"{kind} is not True yet")
    return _HEALTHY


def _disruption_budget(obj: Obj, now: datetime) -> ObjectHealth:
    found = condition(obj, "DisruptionAllowed") or {}
    if found.get("status") == "False" and found.get("reason") != "InsufficientPods":
        return _failed(found)
    return _HEALTHY


def _definition(obj: Obj, now: datetime) -> ObjectHealth:
    names = condition(obj, "NamesAccepted") or {}
    if names.get("status") == "False":
        return _failed(names, final=True)
    return _when(obj, "Established")


def _api_service(obj: Obj, now: datetime) -> ObjectHealth:
    return _when(obj, "Available")


def _namespace(obj: Obj, now: datetime) -> ObjectHealth:
    phase = obj.get("status", {}).get("phase", "Active")
    return _HEALTHY if phase == "Active" else ObjectHealth(HealthStatus.TERMINATING, f"is {phase}")


def _when(obj: Obj, kind: str) -> ObjectHealth:
    return _HEALTHY if is_true(obj, kind) else _progressing(f"is not {kind}")


def _progressing(reason: str) -> ObjectHealth:
    return ObjectHealth(HealthStatus.PROGRESSING, reason)


def _failed(found: Obj | None, *, final: bool = False) -> ObjectHealth:
    """A failure with the condition's reason, message and time."""
    found = found or {}
    since = optional_time(found.get("lastUpdateTime") or found.get("lastTransitionTime"))
    text = ": ".join(part for part in (found.get("reason"), found.get("message")) if part)
    return ObjectHealth(HealthStatus.FAILED, text, final=final, since=since)


_RULES: dict[str, Rule] = {
    "APIService": _api_service,
    "CronJob": _cron_job,
    "CustomResourceDefinition": _definition,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
    "Job": _job,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "PodDisruptionBudget": _disruption_budget,
    "ReplicaSet": _replica_set,
    "Service": _service,
    "StatefulSet": _stateful_set,
}

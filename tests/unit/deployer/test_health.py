"""The rules of health, kind by kind."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.deployer.health.rules import HealthStatus, assess
from shared.kube.objects import Obj
from tests.support.deployer_fakes import HEALTHY

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def obj(kind: str, spec: Obj | None = None, status: Obj | None = None, **metadata: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "it", **metadata},
        "spec": spec or {},
        "status": status or {},
    }


def cond(kind: str, status: str, reason: str = "", message: str = "", **more: str) -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message, **more}


def conditions(*found: Obj) -> Obj:
    return {"conditions": list(found)}


def rollout(**changes: Any) -> Obj:
    return obj("Deployment", {"replicas": 2}, HEALTHY | changes, generation=1)


PROGRESSING = "Progressing"
AVAILABLE = cond("Available", "True")

CASES: list[tuple[str, Obj, HealthStatus]] = [
    ("a rollout that is done", rollout(), HealthStatus.HEALTHY),
    ("a spec not seen yet", rollout(observedGeneration=0), HealthStatus.PROGRESSING),
    ("a controller that hasn't looked", obj("Deployment", {"replicas": 0}, generation=1), HealthStatus.PROGRESSING),
    ("replicas not updated", rollout(updatedReplicas=1), HealthStatus.PROGRESSING),
    ("old replicas left", rollout(replicas=3), HealthStatus.PROGRESSING),
    ("replicas not ready", rollout(readyReplicas=1), HealthStatus.PROGRESSING),
    ("replicas not available", rollout(availableReplicas=1), HealthStatus.PROGRESSING),
    ("not Available", rollout(conditions=[cond("Available", "False")]), HealthStatus.PROGRESSING),
    (
        "a new ReplicaSet still rolling",
        rollout(conditions=[AVAILABLE, cond(PROGRESSING, "True", "ReplicaSetUpdated")]),
        HealthStatus.PROGRESSING,
    ),
    (
        "past its deadline",
        rollout(conditions=[cond(PROGRESSING, "False", "ProgressDeadlineExceeded")]),
        HealthStatus.FAILED,
    ),
    (
        "pods refused",
        rollout(conditions=[cond("ReplicaFailure", "True", "FailedCreate", "quota")]),
        HealthStatus.FAILED,
    ),
    ("a paused one", obj("Deployment", {"paused": True}, HEALTHY), HealthStatus.SUSPENDED),
    (
        "scaled to none",
        obj("Deployment", {"replicas": 0}, {"observedGeneration": 1, **conditions(AVAILABLE)}),
        HealthStatus.HEALTHY,
    ),
    ("anything on its way out", obj("ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z"), HealthStatus.TERMINATING),
    ("a kind without a rule", obj("ConfigMap"), HealthStatus.HEALTHY),
    (
        "a StatefulSet at one revision",
        obj("StatefulSet", {"replicas": 1}, {"readyReplicas": 1, "currentRevision": "a", "updateRevision": "a"}),
        HealthStatus.HEALTHY,
    ),
    (
        "a StatefulSet between revisions",
        obj("StatefulSet", {"replicas": 1}, {"readyReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
        HealthStatus.PROGRESSING,
    ),
    (
        "a StatefulSet updated by hand",
        obj(
            "StatefulSet",
            {"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
            {"readyReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
        ),
        HealthStatus.HEALTHY,
    ),
    (
        "a StatefulSet with its partition done",
        obj(
            "StatefulSet",
            {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}},
            {"readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
        ),
        HealthStatus.HEALTHY,
    ),
    (
        "a DaemonSet on all nodes",
        obj(
            "DaemonSet",
            {},
            {
                "observedGeneration": 1,
                **dict.fromkeys(
                    (
                        "desiredNumberScheduled",
                        "currentNumberScheduled",
                        "updatedNumberScheduled",
                        "numberAvailable",
                        "numberReady",
                    ),
                    2,
                ),
            },
        ),
        HealthStatus.HEALTHY,
    ),
    (
        "a DaemonSet without a pod",
        obj("DaemonSet", {}, {"desiredNumberScheduled": 1, "currentNumberScheduled": 0}),
        HealthStatus.PROGRESSING,
    ),
    ("a ReplicaSet that is full", obj("ReplicaSet", {"replicas": 1}, {"availableReplicas": 1}), HealthStatus.HEALTHY),
    (
        "a ReplicaSet that may not",
        obj("ReplicaSet", {}, conditions(cond("ReplicaFailure", "True"))),
        HealthStatus.FAILED,
    ),
    ("a Job that runs", obj("Job"), HealthStatus.PROGRESSING),
    ("a Job that is done", obj("Job", {}, conditions(cond("Complete", "True"))), HealthStatus.HEALTHY),
    ("a Job that failed", obj("Job", {}, conditions(cond("Failed", "True"))), HealthStatus.FAILED),
    (
        "a Job with a condition that isn't True",
        obj("Job", {}, conditions(cond("Failed", "False"))),
        HealthStatus.PROGRESSING,
    ),
    ("a suspended Job", obj("Job", {"suspend": True}), HealthStatus.SUSPENDED),
    ("a CronJob that never ran", obj("CronJob"), HealthStatus.HEALTHY),
    (
        "a CronJob whose last run failed",
        obj(
            "CronJob",
            {},
            {"lastScheduleTime": "2026-01-01T11:00:00Z", "lastSuccessfulTime": "2026-01-01T10:00:30Z"},
        ),
        HealthStatus.FAILED,
    ),
    (
        "a CronJob that runs now",
        obj("CronJob", {}, {"lastScheduleTime": "2026-01-01T11:00:00Z", "active": [{}]}),
        HealthStatus.HEALTHY,
    ),
    ("a ready pod", obj("Pod", {}, {"phase": "Running", **conditions(cond("Ready", "True"))}), HealthStatus.HEALTHY),
    ("a pod that is done", obj("Pod", {}, {"phase": "Succeeded"}), HealthStatus.HEALTHY),
    ("a pod that failed", obj("Pod", {}, {"phase": "Failed"}), HealthStatus.FAILED),
    (
        "a pod without an image",
        obj("Pod", {}, {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
        HealthStatus.FAILED,
    ),
    (
        "a pod that starts",
        obj("Pod", {}, {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}),
        HealthStatus.PROGRESSING,
    ),
    ("a bound claim", obj("PersistentVolumeClaim", {}, {"phase": "Bound"}), HealthStatus.HEALTHY),
    ("a claim that waits", obj("PersistentVolumeClaim", {}, {"phase": "Pending"}), HealthStatus.PROGRESSING),
    ("a lost claim", obj("PersistentVolumeClaim", {}, {"phase": "Lost"}), HealthStatus.FAILED),
    ("a plain Service", obj("Service", {"type": "ClusterIP"}), HealthStatus.HEALTHY),
    ("a load balancer without address", obj("Service", {"type": "LoadBalancer"}), HealthStatus.PROGRESSING),
    (
        "a load balancer with address",
        obj("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}),
        HealthStatus.HEALTHY,
    ),
    ("an Ingress without address", obj("Ingress"), HealthStatus.PROGRESSING),
    (
        "an active autoscaler",
        obj(
            "HorizontalPodAutoscaler",
            {},
            conditions(cond("AbleToScale", "True"), cond("ScalingActive", "True")),
        ),
        HealthStatus.HEALTHY,
    ),
    ("an autoscaler without conditions", obj("HorizontalPodAutoscaler"), HealthStatus.PROGRESSING),
    (
        "an autoscaler of nothing",
        obj(
            "HorizontalPodAutoscaler",
            {},
            conditions(cond("AbleToScale", "True"), cond("ScalingActive", "False", "ScalingDisabled")),
        ),
        HealthStatus.HEALTHY,
    ),
    (
        "an autoscaler without metrics",
        obj(
            "HorizontalPodAutoscaler",
            {},
            conditions(cond("AbleToScale", "True"), cond("ScalingActive", "False", "FailedGetResourceMetric")),
        ),
        HealthStatus.FAILED,
    ),
    (
        "a budget with too few pods",
        obj("PodDisruptionBudget", {}, conditions(cond("DisruptionAllowed", "False", "InsufficientPods"))),
        HealthStatus.HEALTHY,
    ),
    (
        "a budget that can't be kept",
        obj("PodDisruptionBudget", {}, conditions(cond("DisruptionAllowed", "False", "SyncFailed"))),
        HealthStatus.FAILED,
    ),
    (
        "an established definition",
        obj("CustomResourceDefinition", {}, conditions(cond("Established", "True"))),
        HealthStatus.HEALTHY,
    ),
    (
        "a definition with a taken name",
        obj("CustomResourceDefinition", {}, conditions(cond("NamesAccepted", "False", "ListKindConflict"))),
        HealthStatus.FAILED,
    ),
    ("an API without server", obj("APIService", {}, conditions(cond("Available", "False"))), HealthStatus.PROGRESSING),
    ("a terminating namespace", obj("Namespace", {}, {"phase": "Terminating"}), HealthStatus.TERMINATING),
]


@pytest.mark.parametrize(("found", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_object_is_assessed_by_the_rule_of_its_kind(found: Obj, expected: HealthStatus) -> None:
    assert assess(found, NOW).status is expected


def test_an_ingress_needs_no_address_unless_it_is_waited_for() -> None:
    assert assess(obj("Ingress"), NOW, wait_for_ingress_address=False).is_healthy


@pytest.mark.parametrize(("seconds", "expected"), [(10, HealthStatus.PROGRESSING), (20, HealthStatus.FAILED)])
def test_a_pod_without_a_node_fails_after_fifteen_seconds(seconds: int, expected: HealthStatus) -> None:
    since = NOW.replace(minute=59, hour=11, second=60 - seconds).isoformat()
    unscheduled = cond("PodScheduled", "False", "Unschedulable", "0/3 nodes are available", lastTransitionTime=since)
    health = assess(obj("Pod", {}, {"phase": "Pending", **conditions(unscheduled)}), NOW)
    assert health.status is expected


def test_a_failure_keeps_the_cluster_s_message_and_whether_it_is_final() -> None:
    deadline = cond("Progressing", "False", "ProgressDeadlineExceeded", "has timed out progressing.")
    health = assess(rollout(conditions=[deadline | {"lastUpdateTime": "2026-01-01T11:00:00Z"}]), NOW)
    assert (health.reason, health.final) == ("ProgressDeadlineExceeded: has timed out progressing.", True)
    assert health.since == NOW.replace(hour=11)
    refused = assess(rollout(conditions=[cond("ReplicaFailure", "True", "FailedCreate", "exceeded quota")]), NOW)
    assert (refused.reason, refused.final) == ("FailedCreate: exceeded quota", False)

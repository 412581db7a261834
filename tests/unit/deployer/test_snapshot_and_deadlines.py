"""How the objects of a cluster are assessed and reported, and when waiting ends."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.deployer.cluster.api import POD, REPLICA_SET
from services.deployer.health.snapshot import ObjectStatus, TenantSnapshot, assess_objects, watched_kinds
from services.deployer.reconcile.deadlines import Deadlines, DeploymentFailed, Timeouts, explain
from services.deployer.reconcile.progress import ApplyProgress, report_done, report_waiting
from shared.events import Phase
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from tests.support.deployer_fakes import HEALTHY
from tests.support.deployer_scenario import NAMESPACE, config_map, deployment, namespace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REVISION = "deployment.kubernetes.io/revision"
UNSCHEDULABLE = "0/5 nodes are available: 5 Insufficient nvidia.com/gpu."


def live(name: str, wanted: int = 2, **status: Any) -> Obj:
    metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "generation": 1, "annotations": {REVISION: "2"}}
    found = deployment(name, wanted)
    return {**found, "metadata": metadata, "status": {"observedGeneration": 1, **status}}


def replica_set(owner: str, revision: str) -> Obj:
    metadata = {
        "name": f"{owner}-{revision}",
        "uid": f"{owner}-{revision}",
        "annotations": {REVISION: revision},
        "ownerReferences": [{"uid": owner, "controller": True}],
    }
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata}


def pod(owner: str, number: int, **status: Any) -> Obj:
    metadata = {
        "name": f"{owner}-{number}",
        "uid": f"{owner}-{number}",
        "ownerReferences": [{"uid": owner, "controller": True}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": "Pending", **status}}


def ready(owner: str, number: int) -> Obj:
    return pod(owner, number, phase="Running", conditions=[{"type": "Ready", "status": "True"}])


def waiting(owner: str, number: int, reason: str, message: str = "") -> Obj:
    return pod(owner, number, containerStatuses=[{"state": {"waiting": {"reason": reason, "message": message}}}])


def unscheduled(owner: str, number: int) -> Obj:
    found = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": UNSCHEDULABLE}
    return pod(owner, number, conditions=[found])


def autoscaler(name: str, minimum: int) -> Obj:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"minReplicas": minimum, "scaleTargetRef": {"kind": "Deployment", "name": name}},
    }


def active(name: str, minimum: int, reason: str = "") -> Obj:
    conditions = [
        {"type": "AbleToScale", "status": "True"},
        {"type": "ScalingActive", "status": "False" if reason else "True", "reason": reason},
    ]
    return {**autoscaler(name, minimum), "status": {"conditions": conditions}}


def look(*found: Obj, now: datetime = NOW) -> TenantSnapshot:
    def find(obj: Obj) -> Obj | None:
        matches = (each for each in found if (each["kind"], _name(each)) == (obj["kind"], _name(obj)))
        return next(matches, None)

    by_kind = lambda kind: [each for each in found if each["kind"] == kind.kind]  # noqa: E731
    return TenantSnapshot(find, by_kind(POD), by_kind(REPLICA_SET), now)


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def see(objects: Sequence[Obj], *found: Obj) -> list[ObjectStatus]:
    return assess_objects(objects, frozenset(), look(*found))


def test_replicas_are_counted_among_the_pods_of_the_newest_revision() -> None:
    [item] = see(
        [deployment("tts")],
        live("tts", readyReplicas=3, replicas=3, updatedReplicas=1),
        replica_set("tts", "1"),
        replica_set("tts", "2"),
        ready("tts-1", 1),
        ready("tts-1", 2),
        ready("tts-2", 1),
        waiting("tts-2", 2, "ContainerCreating"),
    )
    assert (item.ready, item.wanted) == (1, 2)
    assert [pod.name for pod in item.unready] == ["tts-2-2"]
    assert item.state.replicas == "1/2"
    assert item.state.status == "Progressing"


def test_a_deployment_waits_for_its_autoscaler_s_minimum() -> None:
    items = see([deployment("tts", 1), autoscaler("tts", 3)], live("tts", 1, **_healthy(1)), active("tts", 3))
    assert items[0].wanted == 3
    assert not items[0].is_done
    assert "from 1 to 3" in items[0].health.reason
    assert items[1].is_done


def test_skipped_kinds_are_done_and_missing_objects_are_noticed() -> None:
    hpa = Kind("autoscaling/v2", "HorizontalPodAutoscaler")
    items = assess_objects([deployment("tts", 1), autoscaler("tts", 3)], frozenset({hpa}), look())
    assert items[0].missing
    assert items[1].is_done
    assert items[1].state.status == "Skipped"


def test_only_what_can_be_unhealthy_is_watched() -> None:
    objects = [namespace(), config_map("settings"), deployment("tts"), deployment("stt")]
    assert [kind.kind for kind in watched_kinds(objects, frozenset())] == ["Deployment", "Pod", "ReplicaSet"]


def test_applying_is_reported_object_by_object_and_forwards() -> None:
    objects = [namespace(), config_map("a"), config_map("b"), deployment("tts")]
    progress = ApplyProgress(objects)
    reports = [progress.after(position, is_skipped=False) for position in range(4)]
    assert [(report.phase, report.progress) for report in reports] == [
        (Phase.CREATING_NAMESPACE, 20),
        (Phase.CREATING_CONFIGURATION, 25),
        (Phase.CREATING_CONFIGURATION, 30),
        (Phase.CREATING_SERVICES, 65),
    ]
    assert reports[1].message == "ConfigMap a is applied"
    assert [each.status for each in reports[1].resources] == ["Active", "Active", "Pending", "Pending"]
    assert reports[3].resources[3].status == "Progressing", "applied, and unknown beyond that"


def test_objects_of_a_phase_may_come_in_any_order_and_a_skipped_one_counts() -> None:
    progress = ApplyProgress([namespace(), config_map("a"), config_map("b")])
    reports = [progress.after(position, is_skipped=position == 2) for position in (0, 2, 1)]
    assert [report.progress for report in reports] == [20, 25, 30]
    assert reports[1].message == "ConfigMap b is unknown to the cluster and skipped"
    assert [each.status for each in reports[1].resources] == ["Active", "Pending", "Skipped"]


def test_waiting_is_reported_by_ready_replicas_with_what_it_waits_for() -> None:
    items = see(
        [namespace(), deployment("stt", 2), deployment("tts", 4)],
        live("stt", 2, **_healthy(2)),
        live("tts", 4),
        replica_set("tts", "2"),
        ready("tts-2", 1),
        waiting("tts-2", 2, "ContainerCreating"),
    )
    report = report_waiting(items)
    assert (report.phase, report.progress) == (Phase.SCALING_SERVICES, 65 + 30 * 3 // 6)
    assert report.message == "1 of 2 workloads are available; waiting for tts 1/4 (ContainerCreating)"
    assert [(each.status, each.replicas) for each in report.resources] == [
        ("Active", None),
        ("Available", "2/2"),
        ("Progressing", "1/4"),
    ]


def test_when_all_replicas_are_ready_it_still_waits_for_health() -> None:
    items = see([deployment("tts", 1), autoscaler("tts", 1)], live("tts", 1, **_healthy(1)), autoscaler("tts", 1))
    report = report_waiting(items)
    assert (report.phase, report.progress) == (Phase.WAITING_HEALTHY, 97)
    assert "HorizontalPodAutoscaler tts (AbleToScale is not True yet)" in report.message


class Waiting:
    """One generation's patience, asked at one time after another."""

    def __init__(self, *objects: Obj, **limits: Any) -> None:
        self.objects = objects
        values: dict[str, Any] = {
            "timeout": 1200.0,
            "resource_timeout": None,
            "failure_grace": 60.0,
            "unschedulable_grace": 300.0,
            "takeover_grace": 120.0,
        }
        self.deadlines = Deadlines(Timeouts(**values | limits), NOW, NOW)

    def at(self, seconds: float, *found: Obj) -> DeploymentFailed | None:
        now = NOW + timedelta(seconds=seconds)
        return self.deadlines.judge(assess_objects(self.objects, frozenset(), look(*found, now=now)), now)

    def items_at(self, seconds: float, *found: Obj) -> list[ObjectStatus]:
        now = NOW + timedelta(seconds=seconds)
        return self.deadlines.tolerate(assess_objects(self.objects, frozenset(), look(*found, now=now)), now)

    def is_done_at(self, seconds: float, *found: Obj) -> bool:
        return all(item.is_done for item in self.items_at(seconds, *found))


def broken(reason: str, message: str = "") -> list[Obj]:
    return [live("tts", 2), replica_set("tts", "2"), waiting("tts-2", 1, reason, message)]


def test_a_pod_s_error_fails_after_its_grace_and_names_the_pod() -> None:
    waits = Waiting(deployment("tts"))
    assert waits.at(0, *broken("ErrImagePull")) is None
    assert waits.at(59, *broken("ImagePullBackOff")) is None
    failure = waits.at(60, *broken("ImagePullBackOff", 'Back-off pulling image "x"'))
    assert failure is not None
    assert failure.code == "DEPLOYMENT_FAILED"
    assert failure.message == ('Deployment tts: 0/2 ready; pod tts-2-1: ImagePullBackOff: Back-off pulling image "x"')


def test_a_pod_that_flaps_keeps_its_clock_and_fails_only_while_it_is_down() -> None:
    waits = Waiting(deployment("tts"))
    running = [live("tts", 2), replica_set("tts", "2"), pod("tts-2", 1, phase="Running")]
    assert waits.at(0, *broken("CrashLoopBackOff")) is None
    assert waits.at(70, *running) is None
    assert waits.at(80, *broken("CrashLoopBackOff")) is not None


def test_an_error_that_heals_starts_a_new_clock() -> None:
    waits = Waiting(deployment("tts"))
    healed = [live("tts", 2), replica_set("tts", "2"), ready("tts-2", 1)]
    assert waits.at(0, *broken("ImagePullBackOff")) is None
    assert waits.at(50, *healed) is None
    assert waits.at(70, *broken("CrashLoopBackOff")) is None


def test_a_pod_without_a_node_gets_the_time_that_an_autoscaler_needs() -> None:
    waits = Waiting(deployment("tts"))
    found = [live("tts", 2), replica_set("tts", "2"), unscheduled("tts-2", 1)]
    assert waits.at(0, *found) is None
    assert waits.at(299, *found) is None
    failure = waits.at(300, *found)
    assert failure is not None
    assert failure.code == "INSUFFICIENT_RESOURCES"
    assert UNSCHEDULABLE in failure.message


def late(minute: int) -> Obj:
    since = (NOW + timedelta(minutes=minute)).isoformat()
    return live(
        "tts",
        conditions=[
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": since}
        ],
    )


def test_a_final_failure_ends_the_waiting_at_once_unless_it_is_older_than_the_deployment() -> None:
    assert Waiting(deployment("tts")).at(61, late(1)) is not None
    waits = Waiting(deployment("tts"))
    assert waits.at(0, late(-10)) is None
    assert waits.at(60, late(-10)) is not None


@pytest.mark.parametrize("reason", ["FailedGetResourceMetric", "FailedGetExternalMetric", "InvalidSelector"])
def test_an_autoscaler_without_metrics_is_a_warning_once_workloads_stand_at_their_floor(reason: str) -> None:
    waits = Waiting(deployment("tts", 1), autoscaler("tts", 1))
    healthy, blind = live("tts", 1, **_healthy(1)), active("tts", 1, reason)
    assert waits.at(0, live("tts", 1), blind) is None
    assert waits.at(100, live("tts", 1), blind) is None
    assert not waits.is_done_at(110, healthy, blind), "metrics may be late"
    assert waits.at(3000, healthy, blind) is None, "it ends no deployment"
    assert waits.is_done_at(170, healthy, blind)
    report = report_done(waits.items_at(170, healthy, blind), ["recordings stays at 20Gi"])
    assert report.message == (
        "1 of 1 workloads are available; note: recordings stays at 20Gi; "
        f"note: HorizontalPodAutoscaler tts doesn't scale: {reason}"
    )
    assert [each.status for each in report.resources] == ["Available", "Degraded"]


def test_an_autoscaler_that_no_controller_looks_after_is_a_warning_too() -> None:
    waits = Waiting(deployment("tts", 1), autoscaler("tts", 1))
    found = [live("tts", 1, **_healthy(1)), autoscaler("tts", 1)]
    assert not waits.is_done_at(0, *found)
    assert waits.is_done_at(60, *found)


def test_a_workload_below_its_floor_is_waited_for_whatever_its_autoscaler_lacks() -> None:
    waits = Waiting(deployment("tts", 1), autoscaler("tts", 3))
    found = [live("tts", 1, **_healthy(1)), active("tts", 3, "FailedGetResourceMetric")]
    assert not waits.is_done_at(0, *found)
    assert not waits.is_done_at(600, *found)
    failure = waits.at(1200, *found)
    assert failure is not None
    assert "from 1 to 3" in failure.message


def test_a_resource_s_own_time_ends_the_waiting_with_its_name() -> None:
    waits = Waiting(deployment("stt"), deployment("tts"), resource_timeout=30.0)
    found = [live("stt", **_healthy(2)), live("tts")]
    assert waits.at(0, *found) is None
    failure = waits.at(30, *found)
    assert failure is not None
    assert failure.message.startswith("Deployment tts: 0/2 ready; not healthy within 30 s")


@pytest.mark.parametrize(("seconds", "over"), [(1199, False), (1200, True)])
def test_the_whole_time_ends_the_waiting_with_what_is_open(seconds: int, over: bool) -> None:
    failure = Waiting(deployment("stt"), deployment("tts")).at(seconds, live("stt"), live("tts"))
    assert (failure is not None) is over
    if failure is not None:
        assert failure.message.startswith("not healthy within 1200 s: Deployment stt: 0/2 ready")
        assert failure.message.endswith("and 1 more")


def test_a_takeover_past_the_time_still_gets_a_chance() -> None:
    limits = Timeouts(60.0, None, 60.0, 300.0, takeover_grace=30.0)
    deadlines = Deadlines(limits, started_at=NOW - timedelta(hours=1), taken_over_at=NOW)
    assert not deadlines.is_over(NOW + timedelta(seconds=29))
    assert deadlines.is_over(NOW + timedelta(seconds=30))


def test_the_cluster_s_newest_warning_about_the_failing_object_is_added() -> None:
    failure = Waiting(deployment("tts"), timeout=1.0, takeover_grace=0.0).at(5, *broken("ContainerCreating"))
    assert failure is not None

    def event(kind: str, name: str, message: str, minute: int) -> Obj:
        return {
            "type": "Warning",
            "reason": "FailedMount",
            "message": message,
            "metadata": {},
            "involvedObject": {"kind": kind, "name": name},
            "lastTimestamp": f"2026-01-01T00:{minute:02}:00Z",
        }

    explained = explain(
        failure,
        [
            event("Pod", "tts-2-1", "old", 1),
            event("Pod", "tts-2-1", "no such secret", 2),
            event("Pod", "stt-2-1", "another's", 3),
            event("HorizontalPodAutoscaler", "tts", "no metrics", 4),
        ],
    )
    assert explained.message == f"{failure.message} (FailedMount: no such secret)"


def _healthy(replicas: int) -> Obj:
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {**HEALTHY, **dict.fromkeys(counts, replicas)}

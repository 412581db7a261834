"""Deployments and their ReplicaSets, as `kubectl rollout` sees them."""

from typing import Any

from shared.kube.objects import Obj, condition
from tests.unit.simulator.cluster_harness import DEPLOYMENTS, ClusterHarness, deployment, template


def rolled_out(replicas: int = 3, **spec: Any) -> ClusterHarness:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=replicas, **spec))
    harness.until(lambda: harness.is_rolled_out("web"))
    return harness


def test_a_deployment_becomes_available_through_a_replica_set_and_its_pods() -> None:
    harness = rolled_out()
    (one,) = harness.sets()
    digest = one["metadata"]["labels"]["pod-template-hash"]
    assert one["metadata"]["name"] == f"web-{digest}"
    assert one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert one["metadata"]["ownerReferences"][0]["controller"] is True
    assert harness.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    for pod in harness.pods():
        assert pod["metadata"]["name"].startswith(f"web-{digest}-")
        assert set(pod["metadata"]["name"][-5:]) <= set("bcdfghjklmnpqrstvwxz2456789")
        assert pod["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]


def test_the_conditions_go_through_kubernetes_reasons() -> None:
    harness = ClusterHarness()
    seen: dict[str, dict[str, None]] = {"Progressing": {}, "Available": {}}

    def note(resource: str, old: Obj | None, new: Obj | None) -> None:
        for found in (new or {}).get("status", {}).get("conditions", ()) if resource == DEPLOYMENTS else ():
            seen[found["type"]][found["reason"]] = None

    harness.store.hooks.append(note)
    harness.add(DEPLOYMENTS, deployment())
    harness.until(lambda: harness.is_rolled_out("web"))
    assert list(seen["Progressing"]) == ["NewReplicaSetCreated", "ReplicaSetUpdated", "NewReplicaSetAvailable"]
    assert list(seen["Available"]) == ["MinimumReplicasUnavailable", "MinimumReplicasAvailable"]
    message = condition(harness.get(DEPLOYMENTS, "web"), "Progressing")["message"]
    assert message == f'ReplicaSet "{harness.sets()[0]["metadata"]["name"]}" has successfully progressed.'


def test_a_rolling_update_never_leaves_its_bounds() -> None:
    harness = rolled_out(8, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}})
    harness.change(DEPLOYMENTS, "web", template=template(image="example/web:2"))
    for _ in range(300):
        harness.step(0.1)
        assert sum(harness.sizes()) <= 10
        assert len(harness.serving()) >= 7
    assert harness.is_rolled_out("web")
    assert harness.sizes() == [0, 8]
    assert {pod["spec"]["containers"][0]["image"] for pod in harness.pods()} == {"example/web:2"}


def test_recreate_starts_the_new_pods_only_when_the_old_ones_are_gone() -> None:
    harness = rolled_out(3, strategy={"type": "Recreate"})
    harness.change(DEPLOYMENTS, "web", template=template(image="example/web:2"))
    for _ in range(200):
        harness.step(0.1)
        assert len({pod["spec"]["containers"][0]["image"] for pod in harness.pods()}) <= 1
    assert harness.is_rolled_out("web")


def test_going_back_to_an_earlier_template_takes_its_replica_set_again_with_a_new_revision() -> None:
    harness = rolled_out()
    first = harness.sets()[0]["metadata"]["name"]
    harness.change(DEPLOYMENTS, "web", template=template(image="example/web:2"))
    harness.until(lambda: harness.is_rolled_out("web"))
    harness.change(DEPLOYMENTS, "web", template=template(image="example/web:1"))
    harness.until(lambda: harness.is_rolled_out("web"))
    assert len(harness.sets()) == 2
    assert harness.get("replicasets.apps", first)["spec"]["replicas"] == 3
    assert harness.get("replicasets.apps", first)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert harness.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_history_is_kept_up_to_its_limit() -> None:
    harness = rolled_out(1, revisionHistoryLimit=2)
    for number in range(2, 7):
        harness.change(DEPLOYMENTS, "web", template=template(image=f"example/web:{number}"))
        harness.until(lambda: harness.is_rolled_out("web"))
    assert len(harness.sets()) == 3


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    harness = rolled_out(2)
    harness.change(DEPLOYMENTS, "web", paused=True)
    harness.step(0)
    assert harness.reason("web") == "DeploymentPaused"
    harness.change(DEPLOYMENTS, "web", template=template(image="example/web:2"), replicas=4)
    harness.step(20)
    assert (len(harness.sets()), len(harness.serving())) == (1, 4)
    harness.change(DEPLOYMENTS, "web", paused=False)
    harness.until(lambda: harness.is_rolled_out("web"))
    assert {pod["spec"]["containers"][0]["image"] for pod in harness.serving()} == {"example/web:2"}


def test_scaling_in_the_middle_of_a_rollout_spreads_over_both_replica_sets() -> None:
    harness = rolled_out(10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    harness.change(
        DEPLOYMENTS, "web", template=template(annotations={"simulator.ecp.ai/fail": "never-ready"}, image="x:2")
    )
    harness.step(20)
    assert harness.sizes() == [5, 8]
    harness.change(DEPLOYMENTS, "web", replicas=20)
    harness.step(5)
    # The example of Kubernetes' documentation, in its own proportion: 23 pods for 13.
    assert sum(harness.sizes()) == 23
    assert min(harness.sizes()) > 5


def test_a_rollout_that_does_not_move_on_exceeds_its_deadline_and_recovers_when_it_is_mended() -> None:
    harness = ClusterHarness()
    failing = template(annotations={"simulator.ecp.ai/fail": "image-pull"})
    harness.add(DEPLOYMENTS, deployment(template=failing, progressDeadlineSeconds=30))
    passed = harness.until(lambda: harness.reason("web") == "ProgressDeadlineExceeded")
    assert 30 <= passed <= 33
    found = condition(harness.get(DEPLOYMENTS, "web"), "Progressing")
    assert found is not None
    assert found["status"] == "False"
    assert found["message"].endswith("has timed out progressing.")
    harness.change(DEPLOYMENTS, "web", template=template())
    harness.until(lambda: harness.is_rolled_out("web"))


def test_without_a_deadline_nothing_times_out() -> None:
    harness = ClusterHarness()
    failing = template(annotations={"simulator.ecp.ai/fail": "image-pull"})
    harness.add(DEPLOYMENTS, deployment(template=failing, progressDeadlineSeconds=2**31 - 1))
    harness.step(3600)
    assert harness.reason("web") == ""


def test_min_ready_seconds_delay_availability() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=1, minReadySeconds=20))
    harness.until(lambda: len(harness.serving()) == 1)
    assert not harness.get(DEPLOYMENTS, "web")["status"].get("availableReplicas")
    assert 18 <= harness.until(lambda: harness.is_rolled_out("web")) <= 21


def test_deleting_a_pod_brings_another_one() -> None:
    harness = rolled_out()
    harness.store.delete("pods", "shop", harness.pods()[0]["metadata"]["name"])
    harness.step(0)
    assert len(harness.pods()) == 4
    harness.until(lambda: harness.is_rolled_out("web") and len(harness.pods()) == 3)


def test_scaling_down_takes_pods_that_are_not_ready_first() -> None:
    harness = rolled_out(2)
    ready = {pod["metadata"]["name"] for pod in harness.pods()}
    harness.change(DEPLOYMENTS, "web", replicas=5)
    harness.step(0.2)
    harness.change(DEPLOYMENTS, "web", replicas=2)
    harness.step(10)
    assert {pod["metadata"]["name"] for pod in harness.pods()} == ready


def test_a_pod_relabelled_by_hand_is_let_go_and_replaced() -> None:
    harness = rolled_out(2)
    chosen = harness.pods()[0]
    metadata = {**chosen["metadata"], "labels": {"app": "debug"}}
    harness.store.replace("pods", {**chosen, "metadata": metadata})
    harness.step(10)
    assert "ownerReferences" not in harness.get("pods", chosen["metadata"]["name"])["metadata"]
    assert len(harness.serving("web")) == 2


def test_scaling_to_nothing_is_complete_with_nothing() -> None:
    harness = rolled_out(2)
    harness.change(DEPLOYMENTS, "web", replicas=0)
    harness.until(lambda: not harness.pods())
    assert harness.is_rolled_out("web")

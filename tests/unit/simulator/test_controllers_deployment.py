"""Deployments and their ReplicaSets, as `kubectl rollout` sees them."""

from services.simulator.controllers.runtime.context import condition
from services.simulator.objects import Obj
from tests.unit.simulator.controllers_world import DEPLOYMENTS, World, deployment, template


def rolled_out(replicas: int = 3, **spec: object) -> World:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=replicas, **spec))
    world.until(lambda: world.is_rolled_out("web"))
    return world


def test_a_deployment_becomes_available_through_a_replica_set_and_its_pods() -> None:
    world = rolled_out()
    (one,) = world.sets()
    digest = one["metadata"]["labels"]["pod-template-hash"]
    assert one["metadata"]["name"] == f"web-{digest}"
    assert one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert one["metadata"]["ownerReferences"][0]["controller"] is True
    assert world.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    for pod in world.pods():
        assert pod["metadata"]["name"].startswith(f"web-{digest}-")
        assert set(pod["metadata"]["name"][-5:]) <= set("bcdfghjklmnpqrstvwxz2456789")
        assert pod["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]


def test_the_conditions_go_through_kubernetes_reasons() -> None:
    world = World()
    seen: dict[str, dict[str, None]] = {"Progressing": {}, "Available": {}}

    def note(resource: str, old: Obj | None, new: Obj | None) -> None:
        for found in (new or {}).get("status", {}).get("conditions", ()) if resource == DEPLOYMENTS else ():
            seen[found["type"]][found["reason"]] = None

    world.store.hooks.append(note)
    world.add(DEPLOYMENTS, deployment())
    world.until(lambda: world.is_rolled_out("web"))
    assert list(seen["Progressing"]) == ["NewReplicaSetCreated", "ReplicaSetUpdated", "NewReplicaSetAvailable"]
    assert list(seen["Available"]) == ["MinimumReplicasUnavailable", "MinimumReplicasAvailable"]
    message = condition(world.get(DEPLOYMENTS, "web"), "Progressing")["message"]  # type: ignore[index]
    assert message == f'ReplicaSet "{world.sets()[0]["metadata"]["name"]}" has successfully progressed.'


def test_a_rolling_update_never_leaves_its_bounds() -> None:
    world = rolled_out(8, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}})
    world.change(DEPLOYMENTS, "web", template=template(image="example/web:2"))
    for _ in range(300):
        world.step(0.1)
        assert sum(world.sizes()) <= 10
        assert len(world.serving()) >= 7
    assert world.is_rolled_out("web")
    assert world.sizes() == [0, 8]
    assert {pod["spec"]["containers"][0]["image"] for pod in world.pods()} == {"example/web:2"}


def test_recreate_starts_the_new_pods_only_when_the_old_ones_are_gone() -> None:
    world = rolled_out(3, strategy={"type": "Recreate"})
    world.change(DEPLOYMENTS, "web", template=template(image="example/web:2"))
    for _ in range(200):
        world.step(0.1)
        assert len({pod["spec"]["containers"][0]["image"] for pod in world.pods()}) <= 1
    assert world.is_rolled_out("web")


def test_going_back_to_an_earlier_template_takes_its_replica_set_again_with_a_new_revision() -> None:
    world = rolled_out()
    first = world.sets()[0]["metadata"]["name"]
    world.change(DEPLOYMENTS, "web", template=template(image="example/web:2"))
    world.until(lambda: world.is_rolled_out("web"))
    world.change(DEPLOYMENTS, "web", template=template(image="example/web:1"))
    world.until(lambda: world.is_rolled_out("web"))
    assert len(world.sets()) == 2
    assert world.get("replicasets.apps", first)["spec"]["replicas"] == 3
    assert world.get("replicasets.apps", first)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert world.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_history_is_kept_up_to_its_limit() -> None:
    world = rolled_out(1, revisionHistoryLimit=2)
    for number in range(2, 7):
        world.change(DEPLOYMENTS, "web", template=template(image=f"example/web:{number}"))
        world.until(lambda: world.is_rolled_out("web"))
    assert len(world.sets()) == 3


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    world = rolled_out(2)
    world.change(DEPLOYMENTS, "web", paused=True)
    world.step(0)
    assert world.reason("web") == "DeploymentPaused"
    world.change(DEPLOYMENTS, "web", template=template(image="example/web:2"), replicas=4)
    world.step(20)
    assert (len(world.sets()), len(world.serving())) == (1, 4)
    world.change(DEPLOYMENTS, "web", paused=False)
    world.until(lambda: world.is_rolled_out("web"))
    assert {pod["spec"]["containers"][0]["image"] for pod in world.serving()} == {"example/web:2"}


def test_scaling_in_the_middle_of_a_rollout_spreads_over_both_replica_sets() -> None:
    world = rolled_out(10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    world.change(
        DEPLOYMENTS, "web", template=template(annotations={"simulator.ecp.ai/fail": "never-ready"}, image="x:2")
    )
    world.step(20)
    assert world.sizes() == [5, 8]
    world.change(DEPLOYMENTS, "web", replicas=20)
    world.step(5)
    # The example of Kubernetes' documentation, in its own proportion: 23 pods for 13.
    assert sum(world.sizes()) == 23
    assert min(world.sizes()) > 5


def test_a_rollout_that_does_not_move_on_exceeds_its_deadline_and_recovers_when_it_is_mended() -> None:
    world = World()
    failing = template(annotations={"simulator.ecp.ai/fail": "image-pull"})
    world.add(DEPLOYMENTS, deployment(template=failing, progressDeadlineSeconds=30))
    passed = world.until(lambda: world.reason("web") == "ProgressDeadlineExceeded")
    assert 30 <= passed <= 33
    found = condition(world.get(DEPLOYMENTS, "web"), "Progressing")
    assert found is not None
    assert found["status"] == "False"
    assert found["message"].endswith("has timed out progressing.")
    world.change(DEPLOYMENTS, "web", template=template())
    world.until(lambda: world.is_rolled_out("web"))


def test_without_a_deadline_nothing_times_out() -> None:
    world = World()
    failing = template(annotations={"simulator.ecp.ai/fail": "image-pull"})
    world.add(DEPLOYMENTS, deployment(template=failing, progressDeadlineSeconds=2**31 - 1))
    world.step(3600)
    assert world.reason("web") == ""


def test_min_ready_seconds_delay_availability() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=1, minReadySeconds=20))
    world.until(lambda: len(world.serving()) == 1)
    assert not world.get(DEPLOYMENTS, "web")["status"].get("availableReplicas")
    assert 18 <= world.until(lambda: world.is_rolled_out("web")) <= 21


def test_deleting_a_pod_brings_another_one() -> None:
    world = rolled_out()
    world.store.delete("pods", "shop", world.pods()[0]["metadata"]["name"])
    world.step(0)
    assert len(world.pods()) == 4
    world.until(lambda: world.is_rolled_out("web") and len(world.pods()) == 3)


def test_scaling_down_takes_pods_that_are_not_ready_first() -> None:
    world = rolled_out(2)
    ready = {pod["metadata"]["name"] for pod in world.pods()}
    world.change(DEPLOYMENTS, "web", replicas=5)
    world.step(0.2)
    world.change(DEPLOYMENTS, "web", replicas=2)
    world.step(10)
    assert {pod["metadata"]["name"] for pod in world.pods()} == ready


def test_a_pod_relabelled_by_hand_is_let_go_and_replaced() -> None:
    world = rolled_out(2)
    chosen = world.pods()[0]
    metadata = {**chosen["metadata"], "labels": {"app": "debug"}}
    world.store.replace("pods", {**chosen, "metadata": metadata})
    world.step(10)
    assert "ownerReferences" not in world.get("pods", chosen["metadata"]["name"])["metadata"]
    assert len(world.serving("web")) == 2


def test_scaling_to_nothing_is_complete_with_nothing() -> None:
    world = rolled_out(2)
    world.change(DEPLOYMENTS, "web", replicas=0)
    world.until(lambda: not world.pods())
    assert world.is_rolled_out("web")

"""A pod's life on its node: the happy one, the failing ones, and the end."""

import pytest

from services.simulator.controllers.runtime.context import condition
from services.simulator.objects import Obj
from tests.unit.simulator.controllers_world import DEPLOYMENTS, World, container, deployment, gpu_spec, pod, template


def waiting_reason(found: Obj) -> str | None:
    state = (found["status"].get("containerStatuses") or [{"state": {}}])[0]["state"]
    return (state.get("waiting") or {}).get("reason")


def failing(how: str) -> World:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=1, template=template(annotations={"simulator.ecp.ai/fail": how})))
    world.step(0)
    return world


@pytest.mark.parametrize("seed", range(5))
def test_a_cpu_service_is_ready_in_seconds_and_a_gpu_service_takes_longer(seed: int) -> None:
    world = World(seed)
    world.add(DEPLOYMENTS, deployment("web", 3, template=template("web")))
    world.add(DEPLOYMENTS, deployment("voice", 3, template=template("voice", **gpu_spec())))
    assert 2.5 <= world.until(lambda: len(world.serving("web")) == 3) <= 9
    assert not world.serving("voice")
    world.until(lambda: len(world.serving("voice")) == 3, 20)


def test_a_pod_goes_through_its_stages_in_order() -> None:
    world = World()
    world.add("pods", pod())
    stages = []
    for _ in range(100):
        world.step(0.1)
        found = world.get("pods", "one")
        ready = condition(found, "Ready")
        stages.append((found["status"]["phase"], waiting_reason(found), ready["status"] if ready else None))
    assert list(dict.fromkeys(stages)) == [
        ("Pending", "ContainerCreating", "False"),
        ("Running", None, "False"),
        ("Running", None, "True"),
    ]
    found = world.get("pods", "one")
    status = found["status"]["containerStatuses"][0]
    assert found["status"]["podIP"].startswith("10.245.")
    assert found["status"]["hostIP"].startswith("10.11.")
    assert status["imageID"].startswith("example/web@sha256:")
    assert status["containerID"].startswith("containerd://")
    kinds = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert kinds == dict.fromkeys(
        ("PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"), "True"
    )
    reasons = ["Scheduled", "Pulling", "Pulled", "Created", "Started"]
    assert [event["reason"] for event in world.store.list("events", "shop")] == reasons


def test_two_pods_never_share_an_address() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=200, template=template(containers=[container(cpu="10m")])))
    world.until(lambda: len(world.serving()) == 200)
    assert len({found["status"]["podIP"] for found in world.pods()}) == 200


def test_an_initial_delay_is_waited_for() -> None:
    world = World()
    probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 30}
    world.add("pods", pod(spec={"containers": [container(readinessProbe=probe)]}))
    assert 31 <= world.until(lambda: len(world.serving()) == 1) <= 35


def test_a_container_without_probes_is_ready_as_soon_as_it_runs() -> None:
    world = World()
    world.add("pods", pod(spec={"containers": [container(readinessProbe=None)]}))
    world.until(lambda: world.get("pods", "one")["status"]["phase"] == "Running")
    assert len(world.serving()) == 1


def test_the_second_pod_on_a_node_finds_the_image_there() -> None:
    world = World()
    here = {"nodeSelector": {"kubernetes.io/hostname": "demo-cpu-01"}, "containers": [container()]}
    world.add("pods", pod("one", here))
    world.until(lambda: len(world.serving()) == 1)
    world.add("pods", pod("two", here))
    world.until(lambda: len(world.serving()) == 2)
    messages = [event["message"] for event in world.events("Pulled")]
    assert messages[0].startswith('Successfully pulled image "example/web:1" in ')
    assert messages[1] == 'Container image "example/web:1" already present on machine'


def test_an_image_that_is_not_there_is_tried_again_and_again() -> None:
    world = failing("image-pull")
    world.until(lambda: waiting_reason(world.pods()[0]) == "ErrImagePull")
    world.until(lambda: waiting_reason(world.pods()[0]) == "ImagePullBackOff")
    back_off = world.until(lambda: waiting_reason(world.pods()[0]) == "ErrImagePull")
    assert 9 <= back_off <= 11
    assert world.pods()[0]["status"]["phase"] == "Pending"
    assert {event["type"] for event in world.events("Failed")} == {"Warning"}


def test_a_crash_loop_counts_its_restarts_and_waits_longer_each_time() -> None:
    world = failing("crash-loop")
    world.until(lambda: waiting_reason(world.pods()[0]) == "CrashLoopBackOff")
    status = world.pods()[0]["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert status["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=main pod=web-")
    world.until(lambda: waiting_reason(world.pods()[0]) is None)
    world.until(lambda: waiting_reason(world.pods()[0]) == "CrashLoopBackOff")
    message = world.pods()[0]["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert message.startswith("back-off 20s restarting")
    world.step(600)
    assert world.pods()[0]["status"]["containerStatuses"][0]["restartCount"] >= 5
    assert not world.serving()


def test_a_pod_that_is_never_ready_runs_and_its_probe_fails() -> None:
    world = failing("never-ready")
    world.step(120)
    (found,) = world.pods()
    assert found["status"]["phase"] == "Running"
    assert not world.serving()
    (event,) = world.events("Unhealthy")
    assert event["count"] >= 10


def test_a_failing_pod_heals_when_the_annotation_is_taken_off() -> None:
    world = failing("crash-loop")
    world.step(60)
    (found,) = world.pods()
    metadata = {name: value for name, value in found["metadata"].items() if name != "annotations"}
    world.store.replace("pods", {**found, "metadata": metadata})
    world.until(lambda: len(world.serving()) == 1, 400)


def test_a_pod_that_runs_to_completion_succeeds_and_frees_its_room() -> None:
    world = World()
    world.add("pods", pod(spec={"containers": [container(cpu="31")], "restartPolicy": "Never"}))
    world.until(lambda: world.get("pods", "one")["status"]["phase"] == "Succeeded")
    node = world.get("pods", "one")["spec"]["nodeName"]
    assert world.cluster.scheduler.node_infos()[node].used["cpu"] == 0


def test_a_deleted_pod_terminates_for_a_second_or_two() -> None:
    world = World()
    world.add("pods", pod())
    world.step(20)
    world.store.delete("pods", "shop", "one")
    world.step(0.5)
    assert "deletionTimestamp" in world.get("pods", "one")["metadata"]
    world.step(2)
    assert not world.pods()
    assert [event["message"] for event in world.events("Killing")] == ["Stopping container main"]


def test_pods_of_a_node_that_is_removed_are_made_anew_elsewhere() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=3))
    world.until(lambda: world.is_rolled_out("web"))
    lost = world.pods()[0]["spec"]["nodeName"]
    world.store.delete("nodes", "", lost)
    world.step(20)
    assert world.is_rolled_out("web")
    assert lost not in {found["spec"]["nodeName"] for found in world.pods()}

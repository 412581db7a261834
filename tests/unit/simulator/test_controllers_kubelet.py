"""A pod's life on its node: start, readiness, injected faults and deletion."""

import pytest

from shared.kube.objects import Obj, condition
from tests.unit.simulator.cluster_harness import (
    DEPLOYMENTS,
    ClusterHarness,
    container,
    deployment,
    gpu_spec,
    pod,
    template,
)


def waiting_reason(found: Obj) -> str | None:
    state = (found["status"].get("containerStatuses") or [{"state": {}}])[0]["state"]
    return (state.get("waiting") or {}).get("reason")


def failing(how: str) -> ClusterHarness:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=1, template=template(annotations={"simulator.ecp.ai/fail": how})))
    harness.step(0)
    return harness


@pytest.mark.parametrize("seed", range(5))
def test_a_cpu_service_is_ready_in_seconds_and_a_gpu_service_takes_longer(seed: int) -> None:
    harness = ClusterHarness(seed)
    harness.add(DEPLOYMENTS, deployment("web", 3, template=template("web")))
    harness.add(DEPLOYMENTS, deployment("voice", 3, template=template("voice", **gpu_spec())))
    assert 2.5 <= harness.until(lambda: len(harness.serving("web")) == 3) <= 9
    assert not harness.serving("voice")
    harness.until(lambda: len(harness.serving("voice")) == 3, 20)


def test_a_pod_goes_through_its_stages_in_order() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod())
    stages = []
    for _ in range(100):
        harness.step(0.1)
        found = harness.get("pods", "one")
        ready = condition(found, "Ready")
        stages.append((found["status"]["phase"], waiting_reason(found), ready["status"] if ready else None))
    assert list(dict.fromkeys(stages)) == [
        ("Pending", "ContainerCreating", "False"),
        ("Running", None, "False"),
        ("Running", None, "True"),
    ]
    found = harness.get("pods", "one")
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
    assert [event["reason"] for event in harness.store.list("events", "shop")] == reasons


def test_two_pods_never_share_an_address() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=200, template=template(containers=[container(cpu="10m")])))
    harness.until(lambda: len(harness.serving()) == 200)
    assert len({found["status"]["podIP"] for found in harness.pods()}) == 200


def test_an_initial_delay_is_waited_for() -> None:
    harness = ClusterHarness()
    probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 30}
    harness.add("pods", pod(spec={"containers": [container(readinessProbe=probe)]}))
    assert 31 <= harness.until(lambda: len(harness.serving()) == 1) <= 35


def test_a_container_without_probes_is_ready_as_soon_as_it_runs() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod(spec={"containers": [container(readinessProbe=None)]}))
    harness.until(lambda: harness.get("pods", "one")["status"]["phase"] == "Running")
    assert len(harness.serving()) == 1


def test_the_second_pod_on_a_node_finds_the_image_there() -> None:
    harness = ClusterHarness()
    here = {"nodeSelector": {"kubernetes.io/hostname": "demo-cpu-01"}, "containers": [container()]}
    harness.add("pods", pod("one", here))
    harness.until(lambda: len(harness.serving()) == 1)
    harness.add("pods", pod("two", here))
    harness.until(lambda: len(harness.serving()) == 2)
    messages = [event["message"] for event in harness.events("Pulled")]
    assert messages[0].startswith('Successfully pulled image "example/web:1" in ')
    assert messages[1] == 'Container image "example/web:1" already present on machine'


def test_an_image_that_is_not_there_is_tried_again_and_again() -> None:
    harness = failing("image-pull")
    harness.until(lambda: waiting_reason(harness.pods()[0]) == "ErrImagePull")
    harness.until(lambda: waiting_reason(harness.pods()[0]) == "ImagePullBackOff")
    back_off = harness.until(lambda: waiting_reason(harness.pods()[0]) == "ErrImagePull")
    assert 9 <= back_off <= 11
    assert harness.pods()[0]["status"]["phase"] == "Pending"
    assert {event["type"] for event in harness.events("Failed")} == {"Warning"}


def test_a_crash_loop_counts_its_restarts_and_waits_longer_each_time() -> None:
    harness = failing("crash-loop")
    harness.until(lambda: waiting_reason(harness.pods()[0]) == "CrashLoopBackOff")
    status = harness.pods()[0]["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert status["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=main pod=web-")
    harness.until(lambda: waiting_reason(harness.pods()[0]) is None)
    harness.until(lambda: waiting_reason(harness.pods()[0]) == "CrashLoopBackOff")
    message = harness.pods()[0]["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert message.startswith("back-off 20s restarting")
    harness.step(600)
    assert harness.pods()[0]["status"]["containerStatuses"][0]["restartCount"] >= 5
    assert not harness.serving()


def test_a_pod_that_is_never_ready_runs_and_its_probe_fails() -> None:
    harness = failing("never-ready")
    harness.step(120)
    (found,) = harness.pods()
    assert found["status"]["phase"] == "Running"
    assert not harness.serving()
    (event,) = harness.events("Unhealthy")
    assert event["count"] >= 10


def test_a_failing_pod_heals_when_the_annotation_is_taken_off() -> None:
    harness = failing("crash-loop")
    harness.step(60)
    (found,) = harness.pods()
    metadata = {name: value for name, value in found["metadata"].items() if name != "annotations"}
    harness.store.replace("pods", {**found, "metadata": metadata})
    harness.until(lambda: len(harness.serving()) == 1, 400)


def test_a_pod_that_runs_to_completion_succeeds_and_frees_its_room() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod(spec={"containers": [container(cpu="31")], "restartPolicy": "Never"}))
    harness.until(lambda: harness.get("pods", "one")["status"]["phase"] == "Succeeded")
    node = harness.get("pods", "one")["spec"]["nodeName"]
    assert harness.cluster.scheduler.node_infos()[node].used["cpu"] == 0


def test_a_deleted_pod_terminates_for_a_second_or_two() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod())
    harness.step(20)
    harness.store.delete("pods", "shop", "one")
    harness.step(0.5)
    assert "deletionTimestamp" in harness.get("pods", "one")["metadata"]
    harness.step(2)
    assert not harness.pods()
    assert [event["message"] for event in harness.events("Killing")] == ["Stopping container main"]


def test_pods_of_a_removed_node_are_replaced_on_other_nodes() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=3))
    harness.until(lambda: harness.is_rolled_out("web"))
    lost = harness.pods()[0]["spec"]["nodeName"]
    harness.store.delete("nodes", "", lost)
    harness.step(20)
    assert harness.is_rolled_out("web")
    assert lost not in {found["spec"]["nodeName"] for found in harness.pods()}

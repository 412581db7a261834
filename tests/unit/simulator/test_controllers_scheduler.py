"""Where pods go, and what is said when they can go nowhere."""

import pytest

from services.simulator.controllers.runtime.context import condition
from tests.unit.simulator.controllers_world import (
    DEPLOYMENTS,
    World,
    container,
    deployment,
    gpu_spec,
    pod,
    template,
)

SMALL = {"containers": [container()]}
HOSTNAME = "kubernetes.io/hostname"


def refusal(world: World, name: str = "one") -> str:
    found = condition(world.get("pods", name), "PodScheduled")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    return str(found["message"])


def test_a_gpu_pod_goes_to_a_gpu_node_and_takes_its_card() -> None:
    world = World()
    for number in range(12 * 4 + 1):
        world.add("pods", pod(f"gpu-{number:02}", gpu_spec()))
    world.step(0)
    nodes = [found["spec"].get("nodeName") for found in world.pods()]
    assert nodes.count(None) == 1
    assert all(nodes.count(node) == 4 for node in set(nodes) - {None})
    assert all("-gpu-" in node for node in set(nodes) - {None})


def test_the_refusal_is_kubernetes_own_sentence() -> None:
    world = World()
    world.add("pods", pod(spec={"containers": [container(cpu="64")]}))
    world.step(0)
    assert refusal(world) == (
        "0/24 nodes are available: 12 Insufficient cpu, 12 node(s) had untolerated taint {nvidia.com/gpu: present}. "
        "preemption: 0/24 nodes are available: 12 No preemption victims found for incoming pod, "
        "12 Preemption is not helpful for scheduling."
    )
    world.step(1)
    (event,) = world.events("FailedScheduling")
    assert (event["type"], event["message"]) == ("Warning", refusal(world))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, "12 node(s) didn't match Pod's node affinity/selector"),
        ({"containers": [container(memory="500Gi")]}, "12 Insufficient memory"),
        ({"containers": [container(gpus=1)]}, "12 Insufficient nvidia.com/gpu"),
    ],
)
def test_each_refusal_names_what_is_missing(spec: dict[str, object], reason: str) -> None:
    world = World()
    world.add("pods", pod(spec={**SMALL, **spec}))
    world.step(0)
    assert reason in refusal(world)


def test_a_waiting_pod_is_placed_when_room_is_made() -> None:
    world = World()
    for number in range(12):
        world.add("pods", pod(f"big-{number:02}", {"containers": [container(cpu="31")]}))
    world.add("pods", pod("late", {"containers": [container(cpu="20")]}))
    world.step(10)
    assert "12 Insufficient cpu" in refusal(world, "late")
    freed = world.get("pods", "big-03")["spec"]["nodeName"]
    world.store.delete("pods", "shop", "big-03")
    world.step(5)
    assert world.get("pods", "late")["spec"]["nodeName"] == freed


def test_pods_that_wait_are_not_tried_again_for_each_pod_that_goes() -> None:
    world = World()
    for number in range(24):
        world.add("pods", pod(f"there-{number:02}", {"containers": [container(cpu="15")]}))
    world.add("pods", pod("waits", {"containers": [container(cpu="64")]}))
    world.step(10)
    [before] = [event["count"] for event in world.events("FailedScheduling")]
    for number in range(24):
        world.store.delete("pods", "shop", f"there-{number:02}")
        world.step(0)
    world.step(10)
    [after] = [
        event["count"] for event in world.events("FailedScheduling") if event["message"] == refusal(world, "waits")
    ]
    assert after - before == 1


def test_a_new_pod_is_placed_at_once_while_others_wait() -> None:
    world = World()
    world.add("pods", pod("waits", {"containers": [container(cpu="64")]}))
    world.step(10)
    world.add("pods", pod("new", SMALL))
    world.step(0)
    assert world.get("pods", "new")["spec"]["nodeName"]


def test_a_cordoned_node_takes_nothing_and_says_so() -> None:
    world = World()
    for node in world.store.list("nodes"):
        world.store.replace("nodes", {**node, "spec": {**node["spec"], "unschedulable": True}})
    world.add("pods", pod())
    world.step(0)
    assert "24 node(s) were unschedulable" in refusal(world)
    node = world.store.list("nodes")[0]
    spec = {name: value for name, value in node["spec"].items() if name != "unschedulable"}
    world.store.replace("nodes", {**node, "spec": spec})
    world.step(0)
    assert world.get("pods", "one")["spec"]["nodeName"] == node["metadata"]["name"]


def test_required_node_affinity_is_obeyed() -> None:
    world = World()
    rule = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["ap-northeast-2b"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    world.add(DEPLOYMENTS, deployment(replicas=6, template=template(affinity=affinity)))
    world.step(0)
    zones = {
        world.store.get("nodes", "", found["spec"]["nodeName"])["metadata"]["labels"][rule["key"]]  # type: ignore[index]
        for found in world.pods()
    }
    assert zones == {"ap-northeast-2b"}


def test_hostname_anti_affinity_puts_one_pod_on_a_node_and_leaves_the_rest_waiting() -> None:
    world = World()
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": HOSTNAME}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    world.add(DEPLOYMENTS, deployment(replicas=14, template=template(affinity=affinity)))
    world.step(20)
    nodes = [found["spec"].get("nodeName") for found in world.pods()]
    assert (len(set(nodes) - {None}), nodes.count(None)) == (12, 2)
    (waiting, *_) = [found for found in world.pods() if not found["spec"].get("nodeName")]
    assert "12 node(s) didn't match pod anti-affinity rules" in refusal(world, waiting["metadata"]["name"])


def test_anti_affinity_of_a_pod_that_is_there_keeps_others_away() -> None:
    world = World()
    term = {"labelSelector": {"matchLabels": {"app": "noisy"}}, "topologyKey": "topology.kubernetes.io/region"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    world.add("pods", pod("quiet", {**SMALL, "affinity": affinity}, {"app": "quiet"}))
    world.step(0)
    world.add("pods", pod("noisy", SMALL, {"app": "noisy"}))
    world.step(0)
    assert "12 node(s) didn't satisfy existing pods anti-affinity rules" in refusal(world, "noisy")


def test_pod_affinity_brings_pods_to_one_zone() -> None:
    world = World()
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "topology.kubernetes.io/zone"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    world.add(DEPLOYMENTS, deployment(replicas=8, template=template(affinity=affinity)))
    world.step(0)
    node_infos = world.cluster.scheduler.node_infos()
    zones = {node_infos[found["spec"]["nodeName"]].labels["topology.kubernetes.io/zone"] for found in world.pods()}
    assert len(zones) == 1


def test_topology_spread_keeps_zones_within_the_skew() -> None:
    world = World()
    rule = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    world.add(DEPLOYMENTS, deployment(replicas=10, template=template(topologySpreadConstraints=[rule])))
    world.step(0)
    node_infos = world.cluster.scheduler.node_infos()
    zones = [node_infos[found["spec"]["nodeName"]].labels["topology.kubernetes.io/zone"] for found in world.pods()]
    counts = sorted(zones.count(zone) for zone in set(zones))
    assert counts == [3, 3, 4]


def test_pods_without_rules_spread_over_the_emptiest_nodes() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=24))
    world.step(0)
    nodes = [found["spec"]["nodeName"] for found in world.pods()]
    assert {nodes.count(node) for node in set(nodes)} == {2}


def test_a_node_is_full_at_its_number_of_pods() -> None:
    world = World()
    tiny = container(cpu="1m", memory="1Mi")
    world.add(DEPLOYMENTS, deployment(replicas=12 * 110 + 1, template=template(containers=[tiny])))
    world.step(5)
    (waiting,) = [found for found in world.pods() if not found["spec"].get("nodeName")]
    assert "12 Too many pods" in refusal(world, waiting["metadata"]["name"])

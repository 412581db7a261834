"""Where the scheduler binds pods, and its messages when no node fits."""

import pytest

from shared.kube.objects import condition
from tests.unit.simulator.cluster_harness import (
    DEPLOYMENTS,
    ClusterHarness,
    container,
    deployment,
    gpu_spec,
    pod,
    template,
)

SMALL = {"containers": [container()]}
HOSTNAME = "kubernetes.io/hostname"


def refusal(harness: ClusterHarness, name: str = "one") -> str:
    found = condition(harness.get("pods", name), "PodScheduled")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    return str(found["message"])


def test_a_gpu_pod_goes_to_a_gpu_node_and_takes_its_card() -> None:
    harness = ClusterHarness()
    for number in range(12 * 4 + 1):
        harness.add("pods", pod(f"gpu-{number:02}", gpu_spec()))
    harness.step(0)
    nodes = [found["spec"].get("nodeName") for found in harness.pods()]
    assert nodes.count(None) == 1
    assert all(nodes.count(node) == 4 for node in set(nodes) - {None})
    assert all("-gpu-" in node for node in set(nodes) - {None})


def test_the_refusal_is_kubernetes_own_sentence() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod(spec={"containers": [container(cpu="64")]}))
    harness.step(0)
    assert refusal(harness) == (
        "0/24 nodes are available: 12 Insufficient cpu, 12 node(s) had untolerated taint {nvidia.com/gpu: present}. "
        "preemption: 0/24 nodes are available: 12 No preemption victims found for incoming pod, "
        "12 Preemption is not helpful for scheduling."
    )
    harness.step(1)
    (event,) = harness.events("FailedScheduling")
    assert (event["type"], event["message"]) == ("Warning", refusal(harness))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, "12 node(s) didn't match Pod's node affinity/selector"),
        ({"containers": [container(memory="500Gi")]}, "12 Insufficient memory"),
        ({"containers": [container(gpus=1)]}, "12 Insufficient nvidia.com/gpu"),
    ],
)
def test_each_refusal_names_what_is_missing(spec: dict[str, object], reason: str) -> None:
    harness = ClusterHarness()
    harness.add("pods", pod(spec={**SMALL, **spec}))
    harness.step(0)
    assert reason in refusal(harness)


def test_a_waiting_pod_is_placed_when_room_is_made() -> None:
    harness = ClusterHarness()
    for number in range(12):
        harness.add("pods", pod(f"big-{number:02}", {"containers": [container(cpu="31")]}))
    harness.add("pods", pod("late", {"containers": [container(cpu="20")]}))
    harness.step(10)
    assert "12 Insufficient cpu" in refusal(harness, "late")
    freed = harness.get("pods", "big-03")["spec"]["nodeName"]
    harness.store.delete("pods", "shop", "big-03")
    harness.step(5)
    assert harness.get("pods", "late")["spec"]["nodeName"] == freed


def test_pods_that_wait_are_not_tried_again_for_each_pod_that_goes() -> None:
    harness = ClusterHarness()
    for number in range(24):
        harness.add("pods", pod(f"there-{number:02}", {"containers": [container(cpu="15")]}))
    harness.add("pods", pod("waits", {"containers": [container(cpu="64")]}))
    harness.step(10)
    [before] = [event["count"] for event in harness.events("FailedScheduling")]
    for number in range(24):
        harness.store.delete("pods", "shop", f"there-{number:02}")
        harness.step(0)
    harness.step(10)
    [after] = [
        event["count"] for event in harness.events("FailedScheduling") if event["message"] == refusal(harness, "waits")
    ]
    assert after - before == 1


@pytest.mark.slow
def test_a_new_pod_is_placed_at_once_while_others_wait() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod("waits", {"containers": [container(cpu="64")]}))
    harness.step(10)
    harness.add("pods", pod("new", SMALL))
    harness.step(0)
    assert harness.get("pods", "new")["spec"]["nodeName"]


def test_a_cordoned_node_gets_no_pods_and_the_message_names_the_reason() -> None:
    harness = ClusterHarness()
    for node in harness.store.list("nodes"):
        harness.store.replace("nodes", {**node, "spec": {**node["spec"], "unschedulable": True}})
    harness.add("pods", pod())
    harness.step(0)
    assert "24 node(s) were unschedulable" in refusal(harness)
    node = harness.store.list("nodes")[0]
    spec = {name: value for name, value in node["spec"].items() if name != "unschedulable"}
    harness.store.replace("nodes", {**node, "spec": spec})
    harness.step(0)
    assert harness.get("pods", "one")["spec"]["nodeName"] == node["metadata"]["name"]


def test_required_node_affinity_is_obeyed() -> None:
    harness = ClusterHarness()
    rule = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["ap-northeast-2b"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    harness.add(DEPLOYMENTS, deployment(replicas=6, template=template(affinity=affinity)))
    harness.step(0)
    zones = {
        harness.store.get("nodes", "", found["spec"]["nodeName"])["metadata"]["labels"][rule["key"]]
        for found in harness.pods()
    }
    assert zones == {"ap-northeast-2b"}


def test_hostname_anti_affinity_puts_one_pod_on_a_node_and_leaves_the_rest_waiting() -> None:
    harness = ClusterHarness()
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": HOSTNAME}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    harness.add(DEPLOYMENTS, deployment(replicas=14, template=template(affinity=affinity)))
    harness.step(20)
    nodes = [found["spec"].get("nodeName") for found in harness.pods()]
    assert (len(set(nodes) - {None}), nodes.count(None)) == (12, 2)
    (waiting, *_) = [found for found in harness.pods() if not found["spec"].get("nodeName")]
    assert "12 node(s) didn't match pod anti-affinity rules" in refusal(harness, waiting["metadata"]["name"])


def test_anti_affinity_of_a_pod_that_is_there_keeps_others_away() -> None:
    harness = ClusterHarness()
    term = {"labelSelector": {"matchLabels": {"app": "noisy"}}, "topologyKey": "topology.kubernetes.io/region"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    harness.add("pods", pod("quiet", {**SMALL, "affinity": affinity}, {"app": "quiet"}))
    harness.step(0)
    harness.add("pods", pod("noisy", SMALL, {"app": "noisy"}))
    harness.step(0)
    assert "12 node(s) didn't satisfy existing pods anti-affinity rules" in refusal(harness, "noisy")


def test_pod_affinity_brings_pods_to_one_zone() -> None:
    harness = ClusterHarness()
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "topology.kubernetes.io/zone"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    harness.add(DEPLOYMENTS, deployment(replicas=8, template=template(affinity=affinity)))
    harness.step(0)
    node_infos = harness.cluster.scheduler.node_infos()
    zones = {node_infos[found["spec"]["nodeName"]].labels["topology.kubernetes.io/zone"] for found in harness.pods()}
    assert len(zones) == 1


def test_topology_spread_keeps_zones_within_the_skew() -> None:
    harness = ClusterHarness()
    rule = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    harness.add(DEPLOYMENTS, deployment(replicas=10, template=template(topologySpreadConstraints=[rule])))
    harness.step(0)
    node_infos = harness.cluster.scheduler.node_infos()
    zones = [node_infos[found["spec"]["nodeName"]].labels["topology.kubernetes.io/zone"] for found in harness.pods()]
    counts = sorted(zones.count(zone) for zone in set(zones))
    assert counts == [3, 3, 4]


def test_pods_without_rules_spread_over_the_emptiest_nodes() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=24))
    harness.step(0)
    nodes = [found["spec"]["nodeName"] for found in harness.pods()]
    assert {nodes.count(node) for node in set(nodes)} == {2}


@pytest.mark.slow
def test_a_node_is_full_at_its_number_of_pods() -> None:
    harness = ClusterHarness()
    tiny = container(cpu="1m", memory="1Mi")
    harness.add(DEPLOYMENTS, deployment(replicas=12 * 110 + 1, template=template(containers=[tiny])))
    harness.step(5)
    (waiting,) = [found for found in harness.pods() if not found["spec"].get("nodeName")]
    assert "12 Too many pods" in refusal(harness, waiting["metadata"]["name"])

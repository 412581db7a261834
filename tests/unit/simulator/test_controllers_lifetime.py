"""Namespaces, garbage collection, events, restarts, and deterministic runs."""

import pytest

from services.simulator.clock import Clock
from services.simulator.controllers.virtual_cluster import VirtualCluster
from services.simulator.storage.store import Store
from shared.kube.objects import Obj, is_terminating
from tests.unit.simulator.cluster_harness import (
    DEPLOYMENTS,
    REPLICA_SETS,
    START,
    ClusterHarness,
    deployment,
    namespace,
    pod,
    template,
)


def with_deployment(replicas: int = 3) -> ClusterHarness:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=replicas))
    harness.until(lambda: harness.is_rolled_out("web"))
    return harness


def started(found: Obj) -> str:
    return str(found["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])


def config_map(name: str, *owners: Obj) -> Obj:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        for owner in owners
    ]
    metadata = {"name": name, "namespace": "shop", "ownerReferences": references}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}


def test_a_namespace_has_a_service_account_and_a_certificate_map_and_gets_them_back() -> None:
    harness = ClusterHarness()
    assert harness.get("serviceaccounts", "default")
    harness.store.delete("configmaps", "shop", "kube-root-ca.crt")
    harness.step(1)
    assert harness.get("configmaps", "kube-root-ca.crt")


def test_a_terminating_namespace_reports_what_remains_and_is_removed() -> None:
    harness = with_deployment()
    harness.store.delete("namespaces", "", "shop")
    harness.step(0.5)
    ending = harness.store.get("namespaces", "", "shop")
    assert ending is not None
    assert ending["status"]["phase"] == "Terminating"
    found = {one["type"]: one for one in ending["status"]["conditions"]}
    assert found["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: pods. has 3 resource instances"
    )
    assert found["NamespaceFinalizersRemaining"]["status"] == "False"
    harness.step(3)
    assert harness.store.get("namespaces", "", "shop") is None
    for resource in harness.store.resources():
        assert harness.store.list(resource, "shop") == []


def test_a_finalizer_holds_a_namespace_until_it_is_removed() -> None:
    harness = ClusterHarness()
    held = config_map("held")
    harness.add("configmaps", {**held, "metadata": {**held["metadata"], "finalizers": ["example.com/hold"]}})
    harness.store.delete("namespaces", "", "shop")
    harness.step(60)
    ending = harness.store.get("namespaces", "", "shop")
    assert ending is not None
    messages = [one["message"] for one in ending["status"]["conditions"]]
    assert (
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances" in messages
    )
    found = harness.get("configmaps", "held")
    harness.store.replace("configmaps", {**found, "metadata": {**found["metadata"], "finalizers": []}})
    harness.step(1)
    assert harness.store.get("namespaces", "", "shop") is None


def test_background_deletion_takes_replica_sets_and_pods_along() -> None:
    harness = with_deployment()
    harness.store.delete(DEPLOYMENTS, "shop", "web")
    harness.step(5)
    assert (harness.sets(), harness.pods()) == ([], [])


def test_foreground_deletion_keeps_the_owner_until_its_pods_are_gone() -> None:
    harness = with_deployment()
    harness.store.delete(DEPLOYMENTS, "shop", "web", finalizer="foregroundDeletion")
    harness.step(0.5)
    assert is_terminating(harness.get(DEPLOYMENTS, "web"))
    assert is_terminating(harness.sets()[0])
    assert len(harness.pods()) == 3
    harness.step(5)
    assert harness.store.get(DEPLOYMENTS, "shop", "web") is None
    assert (harness.sets(), harness.pods()) == ([], [])


def test_orphaning_leaves_pods_that_a_new_replica_set_adopts() -> None:
    harness = with_deployment()
    before = {found["metadata"]["name"] for found in harness.pods()}
    harness.store.delete(DEPLOYMENTS, "shop", "web", finalizer="orphan")
    harness.step(5)
    assert harness.store.get(DEPLOYMENTS, "shop", "web") is None
    assert "ownerReferences" not in harness.sets()[0]["metadata"]
    harness.add(DEPLOYMENTS, deployment())
    harness.step(5)
    assert {found["metadata"]["name"] for found in harness.pods()} == before
    assert harness.sets()[0]["metadata"]["ownerReferences"][0]["name"] == "web"


def test_what_has_two_owners_stays_until_both_are_gone() -> None:
    harness = ClusterHarness()
    first, second = harness.add("configmaps", config_map("first")), harness.add("configmaps", config_map("second"))
    harness.add("configmaps", config_map("both", first, second))
    harness.store.delete("configmaps", "shop", "first")
    harness.step(1)
    owners = harness.get("configmaps", "both")["metadata"]["ownerReferences"]
    assert [owner["name"] for owner in owners] == ["second"]
    harness.store.delete("configmaps", "shop", "second")
    harness.step(1)
    assert harness.store.get("configmaps", "shop", "both") is None


def test_what_is_made_for_an_owner_that_is_gone_goes_too() -> None:
    harness = ClusterHarness()
    owner = harness.add("configmaps", config_map("owner"))
    harness.store.delete("configmaps", "shop", "owner")
    harness.add("configmaps", config_map("late", owner))
    harness.step(1)
    assert harness.store.get("configmaps", "shop", "late") is None


def test_events_of_a_namespace_are_the_newest_500_of_one_hour() -> None:
    harness = ClusterHarness()
    for number in range(60):
        harness.add(DEPLOYMENTS, deployment(f"web-{number}", 2, template=template(f"web-{number}")))
    harness.step(30)
    assert len(harness.store.list("events", "shop")) == 500
    harness.step(3700)
    assert harness.store.list("events", "shop") == []


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.5, 3.0, 5.0])
def test_a_restart_in_the_middle_goes_on_from_the_store(moment: float) -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=4))
    harness.store.delete("pods", "shop", harness.add("pods", pod("leaving"))["metadata"]["name"])
    harness.step(moment)
    clock = Clock(harness.clock.now())
    store = Store(clock.now)
    saved = [(name, one) for name in harness.store.resources() for one in harness.store.list(name)]
    store.load(saved, harness.store.version)
    harness.clock, harness.store = clock, store
    harness.cluster = VirtualCluster("demo", store, clock, seed=1)
    harness.cluster.start()
    harness.until(lambda: harness.is_rolled_out("web"), 15)
    assert (len(harness.sets()), len(harness.pods())) == (1, 4)
    assert len({found["status"]["podIP"] for found in harness.pods()}) == 4


def test_a_restart_of_a_settled_cluster_changes_nothing() -> None:
    harness = with_deployment()
    store = Store(harness.clock.now)
    saved = [(name, one) for name in harness.store.resources() for one in harness.store.list(name)]
    store.load(saved, harness.store.version)
    VirtualCluster("demo", store, harness.clock, seed=1).start()
    harness.step(30)
    assert store.version == harness.store.version


def test_the_same_seed_gives_the_same_names_places_and_times() -> None:
    def run(seed: int) -> list[tuple[str, str, str]]:
        harness = ClusterHarness(seed)
        harness.add(DEPLOYMENTS, deployment(replicas=20))
        harness.step(30)
        return [(one["metadata"]["name"], one["spec"]["nodeName"], started(one)) for one in harness.pods()]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_an_object_that_a_controller_cannot_digest_does_not_stop_the_others() -> None:
    harness = ClusterHarness()
    broken = deployment("broken")
    harness.add(DEPLOYMENTS, {**broken, "spec": {**broken["spec"], "replicas": "many"}})
    harness.add(DEPLOYMENTS, deployment())
    harness.until(lambda: harness.is_rolled_out("web"))


def test_every_namespace_and_node_of_the_description_is_there_after_the_start() -> None:
    harness = ClusterHarness()
    names = {one["metadata"]["name"] for one in harness.store.list("namespaces")}
    assert names == {"default", "kube-system", "kube-public", "kube-node-lease", "shop"}
    nodes = harness.store.list("nodes")
    assert len(nodes) == 24
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert {zones.count(zone) for zone in set(zones)} == {8}
    assert sum(int(node["status"]["capacity"].get("nvidia.com/gpu", 0)) for node in nodes) == 48


def test_a_namespace_made_again_under_the_same_name_works() -> None:
    harness = with_deployment()
    harness.store.delete("namespaces", "", "shop")
    harness.step(5)
    harness.store.create("namespaces", namespace("shop"))
    harness.step(0)
    harness.add(DEPLOYMENTS, deployment())
    harness.until(lambda: harness.is_rolled_out("web"))
    assert len(harness.store.list(REPLICA_SETS)) == 1
    assert harness.clock.now() > START


def test_events_from_before_a_restart_still_end_after_their_hour() -> None:
    harness = with_deployment()
    harness.step(3000)
    store = Store(harness.clock.now)
    store.load([("events", one) for one in harness.store.list("events")], harness.store.version)
    VirtualCluster("demo", store, harness.clock).start()
    assert store.list("events", "shop")
    harness.step(700)
    assert store.list("events", "shop") == []

"""Beginnings and ends: namespaces, garbage, events, restarts, and doing the same twice."""

import pytest

from services.simulator.clock import Clock
from services.simulator.controllers.virtual_cluster import VirtualCluster
from services.simulator.objects import Obj, is_terminating
from services.simulator.storage.store import Store
from tests.unit.simulator.controllers_world import (
    DEPLOYMENTS,
    REPLICA_SETS,
    START,
    World,
    deployment,
    namespace,
    pod,
    template,
)


def with_deployment(replicas: int = 3) -> World:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=replicas))
    world.until(lambda: world.is_rolled_out("web"))
    return world


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
    world = World()
    assert world.get("serviceaccounts", "default")
    world.store.delete("configmaps", "shop", "kube-root-ca.crt")
    world.step(1)
    assert world.get("configmaps", "kube-root-ca.crt")


def test_a_terminating_namespace_says_what_it_waits_for_and_ends() -> None:
    world = with_deployment()
    world.store.delete("namespaces", "", "shop")
    world.step(0.5)
    ending = world.store.get("namespaces", "", "shop")
    assert ending is not None
    assert ending["status"]["phase"] == "Terminating"
    found = {one["type"]: one for one in ending["status"]["conditions"]}
    assert found["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: pods. has 3 resource instances"
    )
    assert found["NamespaceFinalizersRemaining"]["status"] == "False"
    world.step(3)
    assert world.store.get("namespaces", "", "shop") is None
    for resource in world.store.resources():
        assert world.store.list(resource, "shop") == []


def test_a_finalizer_holds_a_namespace_until_it_is_removed() -> None:
    world = World()
    held = config_map("held")
    world.add("configmaps", {**held, "metadata": {**held["metadata"], "finalizers": ["example.com/hold"]}})
    world.store.delete("namespaces", "", "shop")
    world.step(60)
    ending = world.store.get("namespaces", "", "shop")
    assert ending is not None
    messages = [one["message"] for one in ending["status"]["conditions"]]
    assert (
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances" in messages
    )
    found = world.get("configmaps", "held")
    world.store.replace("configmaps", {**found, "metadata": {**found["metadata"], "finalizers": []}})
    world.step(1)
    assert world.store.get("namespaces", "", "shop") is None


def test_background_deletion_takes_replica_sets_and_pods_along() -> None:
    world = with_deployment()
    world.store.delete(DEPLOYMENTS, "shop", "web")
    world.step(5)
    assert (world.sets(), world.pods()) == ([], [])


def test_foreground_deletion_keeps_the_owner_until_its_pods_are_gone() -> None:
    world = with_deployment()
    world.store.delete(DEPLOYMENTS, "shop", "web", finalizer="foregroundDeletion")
    world.step(0.5)
    assert is_terminating(world.get(DEPLOYMENTS, "web"))
    assert is_terminating(world.sets()[0])
    assert len(world.pods()) == 3
    world.step(5)
    assert world.store.get(DEPLOYMENTS, "shop", "web") is None
    assert (world.sets(), world.pods()) == ([], [])


def test_orphaning_leaves_pods_that_a_new_replica_set_adopts() -> None:
    world = with_deployment()
    before = {found["metadata"]["name"] for found in world.pods()}
    world.store.delete(DEPLOYMENTS, "shop", "web", finalizer="orphan")
    world.step(5)
    assert world.store.get(DEPLOYMENTS, "shop", "web") is None
    assert "ownerReferences" not in world.sets()[0]["metadata"]
    world.add(DEPLOYMENTS, deployment())
    world.step(5)
    assert {found["metadata"]["name"] for found in world.pods()} == before
    assert world.sets()[0]["metadata"]["ownerReferences"][0]["name"] == "web"


def test_what_has_two_owners_stays_until_both_are_gone() -> None:
    world = World()
    first, second = world.add("configmaps", config_map("first")), world.add("configmaps", config_map("second"))
    world.add("configmaps", config_map("both", first, second))
    world.store.delete("configmaps", "shop", "first")
    world.step(1)
    owners = world.get("configmaps", "both")["metadata"]["ownerReferences"]
    assert [owner["name"] for owner in owners] == ["second"]
    world.store.delete("configmaps", "shop", "second")
    world.step(1)
    assert world.store.get("configmaps", "shop", "both") is None


def test_what_is_made_for_an_owner_that_is_gone_goes_too() -> None:
    world = World()
    owner = world.add("configmaps", config_map("owner"))
    world.store.delete("configmaps", "shop", "owner")
    world.add("configmaps", config_map("late", owner))
    world.step(1)
    assert world.store.get("configmaps", "shop", "late") is None


def test_events_of_a_namespace_are_the_newest_500_of_one_hour() -> None:
    world = World()
    for number in range(60):
        world.add(DEPLOYMENTS, deployment(f"web-{number}", 2, template=template(f"web-{number}")))
    world.step(30)
    assert len(world.store.list("events", "shop")) == 500
    world.step(3700)
    assert world.store.list("events", "shop") == []


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.5, 3.0, 5.0])
def test_a_restart_in_the_middle_goes_on_from_the_store(moment: float) -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=4))
    world.store.delete("pods", "shop", world.add("pods", pod("leaving"))["metadata"]["name"])
    world.step(moment)
    clock = Clock(world.clock.now())
    store = Store(clock.now)
    saved = [(name, one) for name in world.store.resources() for one in world.store.list(name)]
    store.load(saved, world.store.version)
    world.clock, world.store = clock, store
    world.cluster = VirtualCluster("demo", store, clock, seed=1)
    world.cluster.start()
    world.until(lambda: world.is_rolled_out("web"), 15)
    assert (len(world.sets()), len(world.pods())) == (1, 4)
    assert len({found["status"]["podIP"] for found in world.pods()}) == 4


def test_a_restart_of_a_settled_cluster_changes_nothing() -> None:
    world = with_deployment()
    store = Store(world.clock.now)
    saved = [(name, one) for name in world.store.resources() for one in world.store.list(name)]
    store.load(saved, world.store.version)
    VirtualCluster("demo", store, world.clock, seed=1).start()
    world.step(30)
    assert store.version == world.store.version


def test_the_same_seed_gives_the_same_names_places_and_times() -> None:
    def run(seed: int) -> list[tuple[str, str, str]]:
        world = World(seed)
        world.add(DEPLOYMENTS, deployment(replicas=20))
        world.step(30)
        return [(one["metadata"]["name"], one["spec"]["nodeName"], started(one)) for one in world.pods()]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_an_object_that_a_controller_cannot_digest_does_not_stop_the_others() -> None:
    world = World()
    broken = deployment("broken")
    world.add(DEPLOYMENTS, {**broken, "spec": {**broken["spec"], "replicas": "many"}})
    world.add(DEPLOYMENTS, deployment())
    world.until(lambda: world.is_rolled_out("web"))


def test_every_namespace_and_node_of_the_description_is_there_after_the_start() -> None:
    world = World()
    names = {one["metadata"]["name"] for one in world.store.list("namespaces")}
    assert names == {"default", "kube-system", "kube-public", "kube-node-lease", "shop"}
    nodes = world.store.list("nodes")
    assert len(nodes) == 24
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert {zones.count(zone) for zone in set(zones)} == {8}
    assert sum(int(node["status"]["capacity"].get("nvidia.com/gpu", 0)) for node in nodes) == 48


def test_a_namespace_made_again_under_the_same_name_works() -> None:
    world = with_deployment()
    world.store.delete("namespaces", "", "shop")
    world.step(5)
    world.store.create("namespaces", namespace("shop"))
    world.step(0)
    world.add(DEPLOYMENTS, deployment())
    world.until(lambda: world.is_rolled_out("web"))
    assert len(world.store.list(REPLICA_SETS)) == 1
    assert world.clock.now() > START


def test_events_from_before_a_restart_still_end_after_their_hour() -> None:
    world = with_deployment()
    world.step(3000)
    store = Store(world.clock.now)
    store.load([("events", one) for one in world.store.list("events")], world.store.version)
    VirtualCluster("demo", store, world.clock).start()
    assert store.list("events", "shop")
    world.step(700)
    assert store.list("events", "shop") == []

"""Behaviours of smaller controllers: daemons, claims, quotas, addresses, owners, and faults in handlers."""

from typing import Any

import pytest

from services.simulator.controllers.pods.addresses import Addresses
from services.simulator.controllers.scheduling.volumes import CLAIMS, STORAGE_CLASSES
from services.simulator.storage.store import Store
from shared.kube.labels import FAULT
from shared.kube.objects import Obj, is_ready, labels_of
from tests.unit.simulator.cluster_harness import (
    NAMESPACE,
    START,
    ClusterHarness,
    container,
    deployment,
    gpu_spec,
    pod,
    template,
)

DAEMON_SETS, JOBS, QUOTAS = "daemonsets.apps", "jobs.batch", "resourcequotas"


@pytest.fixture
def harness() -> ClusterHarness:
    return ClusterHarness()


def daemon_set(selector: dict[str, str] | None = None, **spec: Any) -> Obj:
    inner = {"containers": [container(cpu="10m")], "nodeSelector": selector or {"ecp.ai/pool": "gpu-t4"}}
    inner["tolerations"] = gpu_spec()["tolerations"]
    labels = {"app": "agent"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": inner},
            **spec,
        },
    }


def pools(harness: ClusterHarness) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in harness.store.list("nodes"):
        found.setdefault(labels_of(node)["ecp.ai/pool"], []).append(node["metadata"]["name"])
    return found


def placed(harness: ClusterHarness) -> list[str]:
    return sorted(one["spec"].get("nodeName", "") for one in harness.pods("agent"))


def running_daemons(harness: ClusterHarness, **spec: Any) -> tuple[str, list[str]]:
    """A DaemonSet that runs on each node of one pool; the pool and its nodes."""
    pool, nodes = min(pools(harness).items())
    harness.add(DAEMON_SETS, daemon_set({"ecp.ai/pool": pool}, **spec))
    harness.until(lambda: len(harness.serving("agent")) == len(nodes))
    return pool, nodes


def test_a_new_node_gets_its_daemon(harness: ClusterHarness) -> None:
    _, nodes = running_daemons(harness)
    found = harness.store.get("nodes", "", nodes[0])
    assert found is not None
    metadata = {"name": "extra", "labels": {**labels_of(found), "kubernetes.io/hostname": "extra"}}
    harness.store.create("nodes", {**found, "metadata": metadata})
    harness.until(lambda: "extra" in placed(harness))


def test_a_node_that_no_longer_matches_loses_its_daemon(harness: ClusterHarness) -> None:
    _, nodes = running_daemons(harness)
    found = harness.store.get("nodes", "", nodes[0])
    assert found is not None
    labels = {**labels_of(found), "ecp.ai/pool": "other"}
    harness.store.replace("nodes", {**found, "metadata": {**found["metadata"], "labels": labels}})
    harness.until(lambda: placed(harness) == sorted(nodes[1:]))
    status = harness.get(DAEMON_SETS, "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberReady"]) == (len(nodes) - 1, len(nodes) - 1)


def test_an_update_replaces_one_daemon_after_the_other(harness: ClusterHarness) -> None:
    _, nodes = running_daemons(harness)
    found = harness.get(DAEMON_SETS, "agent")
    changed = {**found["spec"]["template"]["spec"], "terminationGracePeriodSeconds": 5}
    harness.change(DAEMON_SETS, "agent", template={**found["spec"]["template"], "spec": changed})
    least = len(nodes)

    def is_updated() -> bool:
        nonlocal least
        least = min(least, len(harness.serving("agent")))
        found = harness.get(DAEMON_SETS, "agent")
        observed = found["status"]["observedGeneration"] == found["metadata"]["generation"]
        updated = found["status"]["updatedNumberScheduled"], len(harness.serving("agent"))
        return observed and updated == (len(nodes), len(nodes))

    harness.until(is_updated, 600)
    assert least == len(nodes) - 1


def test_an_update_replaces_daemons_that_are_not_ready_at_once(harness: ClusterHarness) -> None:
    _, nodes = running_daemons(harness)
    found = harness.get(DAEMON_SETS, "agent")
    broken = {
        **found["spec"]["template"],
        "metadata": {"labels": {"app": "agent"}, "annotations": {FAULT: "crash-loop"}},
    }
    harness.change(DAEMON_SETS, "agent", template=broken)
    harness.until(lambda: len(harness.serving("agent")) < len(nodes))
    harness.step(30)
    harness.change(DAEMON_SETS, "agent", template=found["spec"]["template"])
    harness.until(lambda: len(harness.serving("agent")) == len(nodes))


def test_on_delete_waits_for_the_deletion_of_the_pods(harness: ClusterHarness) -> None:
    running_daemons(harness, updateStrategy={"type": "OnDelete"})
    before = {one["metadata"]["uid"] for one in harness.pods("agent")}
    found = harness.get(DAEMON_SETS, "agent")
    changed = {**found["spec"]["template"]["spec"], "terminationGracePeriodSeconds": 5}
    harness.change(DAEMON_SETS, "agent", template={**found["spec"]["template"], "spec": changed})
    harness.step(60)
    assert {one["metadata"]["uid"] for one in harness.pods("agent")} == before


def claim(storage: str = "1Gi", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **spec},
        "status": {"phase": "Pending"},
    }


def test_a_claim_is_bound_with_the_newest_default_class(harness: ClusterHarness) -> None:
    harness.step(60)
    newer = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    }
    harness.add(STORAGE_CLASSES, newer)
    harness.add(CLAIMS, claim())
    harness.step(1)
    bound = harness.get(CLAIMS, "data")
    assert (bound["status"]["phase"], bound["spec"]["storageClassName"]) == ("Bound", "fast")
    assert bound["spec"]["volumeName"] == f"pvc-{bound['metadata']['uid']}"


def test_a_bound_claim_grows_with_an_event(harness: ClusterHarness) -> None:
    harness.add(CLAIMS, claim())
    harness.step(1)
    harness.change(CLAIMS, "data", resources={"requests": {"storage": "2Gi"}})
    harness.step(2)
    assert harness.get(CLAIMS, "data")["status"]["capacity"] == {"storage": "2Gi"}
    assert harness.events("FileSystemResizeSuccessful")


def test_a_quota_counts_pods_storage_and_objects(harness: ClusterHarness) -> None:
    hard = dict.fromkeys(("pods", "requests.cpu", "requests.memory", "limits.cpu", "configmaps", "count/pods"), "9")
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": NAMESPACE},
        "spec": {"hard": {**hard, "requests.storage": "9Gi", "count/deployments.apps": "3"}},
    }
    harness.add(CLAIMS, claim("3Gi"))
    ended = pod("ended", {"containers": [container()], "nodeName": "none"})
    harness.add("pods", {**ended, "status": {"phase": "Succeeded"}})
    harness.add(QUOTAS, quota)
    harness.add("deployments.apps", deployment(replicas=2))
    harness.until(lambda: harness.is_rolled_out("web"))
    harness.step(2)
    used = harness.get(QUOTAS, "quota")["status"]["used"]
    assert used == {
        "pods": "2",
        "count/pods": "2",
        "requests.cpu": "1",
        "requests.memory": "512Mi",
        "limits.cpu": "0",
        "configmaps": "1",
        "requests.storage": "3Gi",
        "count/deployments.apps": "1",
    }
    harness.change("deployments.apps", "web", replicas=1)
    harness.until(lambda: harness.get(QUOTAS, "quota")["status"]["used"]["pods"] == "1")


def addressed_node(**spec: Any) -> Obj:
    addresses = [{"type": "Hostname", "address": "node"}, {"type": "InternalIP", "address": "10.1.0.5"}]
    return {"kind": "Node", "metadata": {"name": "node"}, "spec": spec, "status": {"addresses": addresses}}


def bound_pod(uid: str, **spec: Any) -> Obj:
    return {"metadata": {"name": uid, "uid": uid, "namespace": NAMESPACE}, "spec": {"nodeName": "node", **spec}}


def test_addresses_of_a_node_are_used_in_turn_and_reused_when_none_is_new() -> None:
    store = Store(lambda: START)
    store.create("nodes", addressed_node(podCIDR="10.2.0.0/29"))
    addresses = Addresses(store)
    given = [addresses.assign(bound_pod(f"pod-{number}")) for number in range(6)]
    assert given == [f"10.2.0.{number}" for number in range(1, 7)]
    assert addresses.assign(bound_pod("pod-6")) == "10.1.0.5"
    gone = {**bound_pod("pod-2"), "status": {"podIP": "10.2.0.3"}}
    addresses.observe(None, gone)
    addresses.observe(gone, None)
    assert addresses.assign(bound_pod("pod-7")) == "10.2.0.3"


def test_host_networking_uses_the_address_of_the_node() -> None:
    store = Store(lambda: START)
    store.create("nodes", addressed_node(podCIDR="10.2.0.0/29"))
    addresses = Addresses(store)
    assert addresses.assign(bound_pod("host", hostNetwork=True)) == "10.1.0.5"
    assert addresses.host("missing") == ""


def test_a_fault_in_one_handler_does_not_stop_the_others(harness: ClusterHarness) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("broken")

    changes = harness.cluster._changes
    changes.watch_objects(broken)
    changes._handlers["deployments.apps"].insert(0, broken)
    harness.add("deployments.apps", deployment(replicas=1))
    harness.until(lambda: harness.is_rolled_out("web"))


def job(**spec: Any) -> Obj:
    inner = template("work", restartPolicy="Never")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work", "namespace": NAMESPACE},
        "spec": {"completions": 2, "parallelism": 1, "template": inner, **spec},
    }


def test_a_suspended_job_has_no_pods_until_it_is_resumed(harness: ClusterHarness) -> None:
    harness.add(JOBS, job(suspend=True))
    harness.step(30)
    assert harness.pods("work") == []
    harness.change(JOBS, "work", suspend=False)
    harness.until(lambda: harness.get(JOBS, "work").get("status", {}).get("succeeded") == 2)


def test_nothing_is_created_for_a_workload_that_terminates(harness: ClusterHarness) -> None:
    made = daemon_set({"ecp.ai/pool": min(pools(harness))})
    harness.add(DAEMON_SETS, {**made, "metadata": {**made["metadata"], "finalizers": ["example/hold"]}})
    harness.store.delete(DAEMON_SETS, NAMESPACE, "agent")
    before = len(harness.pods("agent"))
    harness.step(30)
    assert len(harness.pods("agent")) <= before


def test_a_deployment_adopts_matching_replica_sets_and_releases_none_of_others(harness: ClusterHarness) -> None:
    harness.add("deployments.apps", deployment(replicas=1))
    harness.until(lambda: harness.is_rolled_out("web"))
    [replica_set] = harness.sets()
    orphan = {**replica_set, "metadata": {**replica_set["metadata"], "ownerReferences": None}}
    harness.store.replace("replicasets.apps", orphan)
    harness.change("deployments.apps", "web", replicas=2)
    harness.until(lambda: harness.is_rolled_out("web"))
    [adopted] = harness.sets()
    assert adopted["metadata"]["ownerReferences"][0]["name"] == "web"
    assert all(is_ready(one) for one in harness.pods("web"))


def test_a_name_collision_of_a_replica_set_is_counted_and_resolved(harness: ClusterHarness) -> None:
    harness.add("deployments.apps", deployment(replicas=1))
    harness.until(lambda: harness.is_rolled_out("web"))
    [first] = harness.sets()
    harness.store.delete("deployments.apps", NAMESPACE, "web", finalizer="orphan")
    harness.until(lambda: harness.store.get("deployments.apps", NAMESPACE, "web") is None)
    labels = {"app": "foreign"}
    foreign = {**harness.get("replicasets.apps", first["metadata"]["name"])}
    foreign["metadata"] = {**foreign["metadata"], "labels": labels}
    foreign["spec"] = {**foreign["spec"], "selector": {"matchLabels": labels}, "replicas": 0}
    harness.store.replace("replicasets.apps", foreign)
    harness.add("deployments.apps", deployment(replicas=1))
    harness.until(lambda: harness.is_rolled_out("web"))
    assert harness.get("deployments.apps", "web")["status"]["collisionCount"] == 1
    assert len(harness.sets()) == 2

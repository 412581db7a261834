"""StatefulSets, DaemonSets, Jobs, volume claims, quotas and disruption budgets."""

from typing import Any

from shared.kube.objects import Obj, condition
from tests.unit.simulator.cluster_harness import DEPLOYMENTS, ClusterHarness, container, deployment, pod, template

STATEFUL_SETS, DAEMON_SETS, JOBS = "statefulsets.apps", "daemonsets.apps", "jobs.batch"
BUDGETS, CLAIMS, QUOTAS = "poddisruptionbudgets.policy", "persistentvolumeclaims", "resourcequotas"


def made(version: str, kind: str, name: str, spec: Obj) -> Obj:
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def stateful_set(replicas: int = 3, **spec: Any) -> Obj:
    selector = {"matchLabels": {"app": "web"}}
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    base = {"replicas": replicas, "selector": selector, "template": template(), "volumeClaimTemplates": [claim]}
    return made("apps/v1", "StatefulSet", "web", {**base, **spec})


def job(**spec: Any) -> Obj:
    return made("batch/v1", "Job", "web", {"template": template(restartPolicy="Never"), **spec})


def names(harness: ClusterHarness) -> list[str]:
    return [found["metadata"]["name"] for found in harness.pods()]


def test_a_stateful_set_starts_its_pods_one_after_the_other_and_each_has_its_claim() -> None:
    harness = ClusterHarness()
    harness.add(STATEFUL_SETS, stateful_set())
    harness.step(0)
    assert names(harness) == ["web-0"]
    harness.until(lambda: len(harness.serving()) == 3)
    assert names(harness) == ["web-0", "web-1", "web-2"]
    claims = harness.store.list(CLAIMS, "shop")
    assert [(one["metadata"]["name"], one["status"]["phase"]) for one in claims] == [
        ("data-web-0", "Bound"), ("data-web-1", "Bound"), ("data-web-2", "Bound"),
    ]  # fmt: skip
    status = harness.get(STATEFUL_SETS, "web")["status"]
    assert (status["readyReplicas"], status["updatedReplicas"]) == (3, 3)
    assert status["currentRevision"] == status["updateRevision"]


def test_a_stateful_set_updates_from_the_highest_number_and_shrinks_from_there() -> None:
    harness = ClusterHarness()
    harness.add(STATEFUL_SETS, stateful_set())
    harness.until(lambda: len(harness.serving()) == 3)
    harness.change(STATEFUL_SETS, "web", template=template(image="example/web:2"))
    harness.step(0)
    assert ["deletionTimestamp" in found["metadata"] for found in harness.pods()] == [False, False, True]
    harness.until(lambda: harness.get(STATEFUL_SETS, "web")["status"]["updatedReplicas"] == 3, 60)
    harness.until(lambda: len(harness.serving()) == 3)
    harness.change(STATEFUL_SETS, "web", replicas=1)
    harness.until(lambda: names(harness) == ["web-0"])
    assert len(harness.store.list(CLAIMS, "shop")) == 3


def test_a_parallel_stateful_set_starts_all_at_once() -> None:
    harness = ClusterHarness()
    harness.add(STATEFUL_SETS, stateful_set(podManagementPolicy="Parallel"))
    harness.step(0)
    assert len(harness.pods()) == 3


def test_a_daemon_set_has_a_pod_on_each_node_that_takes_it() -> None:
    harness = ClusterHarness()
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template()}
    harness.add(DAEMON_SETS, made("apps/v1", "DaemonSet", "web", spec))
    harness.until(lambda: len(harness.serving()) == 12)
    status = harness.get(DAEMON_SETS, "web")["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (12, 12)
    assert len({found["spec"]["nodeName"] for found in harness.pods()}) == 12
    everywhere = template(tolerations=[{"operator": "Exists"}])
    harness.change(DAEMON_SETS, "web", template=everywhere)
    harness.until(lambda: harness.get(DAEMON_SETS, "web")["status"]["updatedNumberScheduled"] == 24, 600)
    harness.until(lambda: len(harness.serving()) == 24)


def test_a_job_is_complete_when_enough_pods_have_succeeded() -> None:
    harness = ClusterHarness()
    harness.add(JOBS, job(completions=5, parallelism=2))
    most = 0
    while condition(harness.get(JOBS, "web"), "Complete") is None:
        harness.step(0.25)
        most = max(most, harness.get(JOBS, "web")["status"].get("active", 0))
    status = harness.get(JOBS, "web")["status"]
    assert (status["succeeded"], most) == (5, 2)
    assert status["completionTime"]


def test_a_job_whose_pods_fail_too_often_has_failed() -> None:
    harness = ClusterHarness()
    failing = template(annotations={"simulator.ecp.ai/fail": "crash-loop"}, restartPolicy="Never")
    harness.add(JOBS, job(template=failing, backoffLimit=2))
    harness.until(lambda: condition(harness.get(JOBS, "web"), "Failed") is not None)
    found = condition(harness.get(JOBS, "web"), "Failed")
    assert found is not None
    assert found["reason"] == "BackoffLimitExceeded"
    assert harness.get(JOBS, "web")["status"]["failed"] == 3


def test_a_finished_job_goes_when_its_time_is_over() -> None:
    harness = ClusterHarness()
    harness.add(JOBS, job(ttlSecondsAfterFinished=60))
    harness.until(lambda: condition(harness.get(JOBS, "web"), "Complete") is not None)
    harness.step(62)
    assert harness.store.get(JOBS, "shop", "web") is None
    assert harness.pods() == []


def test_a_pod_waits_for_the_claim_that_it_names() -> None:
    harness = ClusterHarness()
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    harness.add("pods", pod(spec={"containers": [container()], "volumes": [volume]}))
    harness.step(0)
    found = condition(harness.get("pods", "one"), "PodScheduled")
    assert found is not None
    assert found["message"].startswith('0/24 nodes are available: persistentvolumeclaim "data" not found.')
    harness.add(CLAIMS, made("v1", "PersistentVolumeClaim", "data", {"accessModes": ["ReadWriteOnce"]}))
    harness.until(lambda: len(harness.serving()) == 1)


def test_a_quota_shows_what_is_used() -> None:
    harness = ClusterHarness()
    hard = {
        "pods": "10",
        "requests.cpu": "8",
        "requests.memory": "8Gi",
        "requests.nvidia.com/gpu": "2",
        "services": "3",
    }
    harness.add(QUOTAS, made("v1", "ResourceQuota", "limits", {"hard": hard}))
    harness.add(DEPLOYMENTS, deployment(replicas=3))
    harness.step(5)
    assert harness.get(QUOTAS, "limits")["status"] == {
        "hard": hard,
        "used": {
            "pods": "3",
            "requests.cpu": "1500m",
            "requests.memory": "768Mi",
            "requests.nvidia.com/gpu": "0",
            "services": "0",
        },
    }
    harness.store.delete(DEPLOYMENTS, "shop", "web")
    harness.step(10)
    assert harness.get(QUOTAS, "limits")["status"]["used"]["pods"] == "0"


def test_a_disruption_budget_knows_how_many_pods_may_go() -> None:
    harness = ClusterHarness()
    selector = {"matchLabels": {"app": "web"}}
    harness.add(BUDGETS, made("policy/v1", "PodDisruptionBudget", "web", {"minAvailable": "50%", "selector": selector}))
    harness.add(DEPLOYMENTS, deployment(replicas=5))
    harness.step(1)
    assert harness.get(BUDGETS, "web")["status"]["disruptionsAllowed"] == 0
    harness.until(lambda: harness.is_rolled_out("web"))
    harness.step(1)
    status = harness.get(BUDGETS, "web")["status"]
    assert (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]) == (5, 3, 2)
    assert status["conditions"][0]["reason"] == "SufficientPods"

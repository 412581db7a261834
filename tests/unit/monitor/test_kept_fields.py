"""What is kept of an object between two samples is enough for its reading."""

from typing import Any

from services.monitor.collect.kept_fields import kept_of_pod, kept_of_rule, kept_of_workload
from services.monitor.collect.readings import ClusterObjects, TenantReading, by_tenant, needs_found, read_tenants
from shared.sla import Observer
from tests.unit.monitor.test_sampling import NOON, autoscaler, deployment, pod, usage

REQUESTS = {"cpu": "500m", "memory": "1Gi"}
MANAGED = [{"manager": "ecp-orchestrator", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]


def reading(state: ClusterObjects) -> TenantReading:
    found = by_tenant(state)["acme"]
    promise = Observer().note(needs_found(found), found.workloads, found.pods, NOON)
    return read_tenants(state, {"acme": promise})["acme"]


def whole() -> ClusterObjects:
    """As an API server lists it, with fields that no reading uses."""
    gone = pod("callbot-2", terminating=True, requests=REQUESTS)
    full = pod("callbot-1", requests=REQUESTS)
    full["metadata"]["managedFields"] = MANAGED
    full["spec"]["volumes"] = [{"name": "data"}]
    workload = deployment(replicas=2, needed=1, managedFields=MANAGED)
    workload["spec"]["template"] = {"metadata": {"labels": {"app": "callbot"}}, "spec": {"containers": []}}
    budget = {
        "metadata": {"name": "callbot", "namespace": "ecp-ai-acme", "labels": {"ecp.ai/tenant": "acme"}},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "callbot"}}},
        "status": {"currentHealthy": 1},
    }
    return ClusterObjects(
        pods=[full, gone],
        deployments=[workload],
        autoscalers=[autoscaler("callbot", 2)],
        budgets=[budget],
        usage=[usage(cpu="250m", memory="512Mi")],
    )


def kept(state: ClusterObjects) -> ClusterObjects:
    return ClusterObjects(
        pods=[kept_of_pod(each) for each in state.pods],
        deployments=[kept_of_workload(each) for each in state.deployments],
        autoscalers=[kept_of_rule(each) for each in state.autoscalers],
        budgets=[kept_of_rule(each) for each in state.budgets],
        usage=state.usage,
    )


def test_the_reading_is_the_same() -> None:
    expected = reading(whole())
    assert expected.values == {"cpu": 50.0, "memory": 50.0, "pods_ready": 1.0, "pods_wanted": 2.0, "available": 1.0}
    assert reading(kept(whole())) == expected


def test_a_workload_that_rests_keeps_who_scaled_it() -> None:
    stopped = deployment(replicas=0, managedFields=MANAGED)
    assert kept_of_workload(stopped)["metadata"]["managedFields"] == MANAGED
    assert "managedFields" not in kept_of_workload(deployment(managedFields=MANAGED))["metadata"]


def test_unreadable_objects_stay_as_they_are() -> None:
    broken: list[dict[str, Any]] = [{"metadata": None}, {"metadata": {}, "spec": {"containers": None}}]
    for each in broken:
        assert kept_of_pod(each) == each
    assert kept_of_workload({"metadata": {}, "spec": "x"}) == {"metadata": {}, "spec": "x"}
    assert kept_of_rule({"metadata": None, "spec": {}}) == {"metadata": None, "spec": {}}


def test_an_adopted_workload_keeps_how_many_of_its_unlisted_pods_are_ready() -> None:
    adopted = deployment(replicas=3)
    adopted["spec"]["template"] = {"metadata": {"labels": {"app": "callbot"}}}
    adopted["status"] |= {"readyReplicas": 3, "observedGeneration": 1}
    state = ClusterObjects(pods=[], deployments=[adopted])
    assert reading(state).values == {"pods_ready": 3.0, "pods_wanted": 3.0, "available": 1.0}
    assert reading(kept(state)) == reading(state)


def test_a_rollout_keeps_how_many_pods_it_has_replaced() -> None:
    labels = {"app": "callbot", "ecp.ai/tenant": "acme"}
    rolling = deployment(replicas=3)
    rolling["spec"]["template"] = {"metadata": {"labels": labels}}
    rolling["status"] |= {"replicas": 4, "updatedReplicas": 1, "readyReplicas": 3}
    state = ClusterObjects(pods=[pod(ready={"status": "False"})], deployments=[rolling])
    assert reading(state).values["pods_ready"] == 3.0
    assert reading(kept(state)) == reading(state)

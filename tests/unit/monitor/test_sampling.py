"""What a cluster's objects tell of a tenant."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.monitor.collect.readings import (
    ClusterObjects,
    Readings,
    TenantReading,
    by_tenant,
    needs_found,
    read_tenants,
)
from services.monitor.collect.slice_events import slice_events
from services.monitor.handlers import samples_of
from services.monitor.metric_names import KUBERNETES
from services.monitor.storage.sample_rules import check_sample
from shared.events import TenantSample
from shared.sla import Observer, Promise
from shared.sla.promise import DEPLOYMENT, Need, WorkloadKey

Object = dict[str, Any]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUNNING = {"status": "True"}
NOT_READY = {"status": "False"}
NODE_AWAY = {"status": "Unknown"}


def pod(
    name: str = "callbot-1",
    *,
    app: str = "callbot",
    tenant: str = "acme",
    ready: Object | None = RUNNING,
    terminating: bool = False,
    requests: Object | None = None,
) -> Object:
    metadata: Object = {
        "name": name,
        "namespace": f"ecp-ai-{tenant}",
        "labels": {"app": app, "ecp.ai/tenant": tenant},
    }
    if terminating:
        metadata["deletionTimestamp"] = "2026-11-20T12:00:00Z"
    conditions = [] if ready is None else [{"type": "Ready", **ready}]
    container = {"name": app, "resources": {"requests": requests} if requests else {}}
    return {"metadata": metadata, "spec": {"containers": [container]}, "status": {"conditions": conditions}}


def deployment(
    name: str = "callbot",
    *,
    tenant: str = "acme",
    replicas: int = 1,
    strategy: Object | None = None,
    progressing: str = "NewReplicaSetAvailable",
    revision: str = "1",
    needed: int | None = None,
    **metadata: Any,
) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": f"ecp-ai-{tenant}",
            "labels": {"app": name, "ecp.ai/tenant": tenant},
            "annotations": {"deployment.kubernetes.io/revision": revision}
            | ({} if needed is None else {"ecp.ai/needed-replicas": str(needed)}),
            **metadata,
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}} if strategy is None else strategy,
        },
        "status": {"conditions": [{"type": "Progressing", "reason": progressing}]},
    }


def autoscaler(name: str, floor: int, *, tenant: str = "acme") -> Object:
    return {
        "metadata": {"name": name, "namespace": f"ecp-ai-{tenant}", "labels": {"ecp.ai/tenant": tenant}},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": floor},
    }


def usage(name: str = "callbot-1", *, app: str = "callbot", tenant: str = "acme", **used: str) -> Object:
    resources = {"gpu": "nvidia.com/gpu"}
    return {
        "metadata": {"name": name, "namespace": f"ecp-ai-{tenant}"},
        "containers": [{"name": app, "usage": {resources.get(each, each): amount for each, amount in used.items()}}],
    }


def pods(count: int, **fields: Any) -> list[Object]:
    return [pod(f"{fields.get('app', 'callbot')}-{number}", **fields) for number in range(count)]


def readings(state: ClusterObjects) -> dict[str, TenantReading]:
    """Of tenants that something else deployed."""
    promises = {
        tenant_id: Observer().note(needs_found(each), each.workloads, each.pods, NOON)
        for tenant_id, each in by_tenant(state).items()
    }
    return read_tenants(state, promises)


def sample(state: ClusterObjects) -> dict[str, dict[str, float]]:
    return {tenant_id: each.values for tenant_id, each in readings(state).items()}


def values(*objects: Object, autoscalers: tuple[Object, ...] = (), usage: tuple[Object, ...] = ()) -> dict[str, float]:
    """The values of the tenant acme."""
    state = ClusterObjects(
        pods=[each for each in objects if "containers" in each["spec"]],
        deployments=[each for each in objects if "selector" in each["spec"]],
        autoscalers=autoscalers,
        usage=usage,
    )
    return sample(state).get("acme", {})


def test_a_cluster_without_tenants_has_no_values() -> None:
    assert sample(ClusterObjects(pods=[], deployments=[])) == {}


def test_objects_without_the_tenant_label_are_nobodys() -> None:
    system = pod("coredns")
    del system["metadata"]["labels"]["ecp.ai/tenant"]
    assert sample(ClusterObjects(pods=[system], deployments=[])) == {}


def test_use_is_in_percent_of_the_requests_over_all_pods() -> None:
    requests = {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "1"}
    read = values(
        pod("callbot-1", requests=requests),
        pod("callbot-2", requests=requests),
        usage=(
            usage("callbot-1", cpu="250000000n", memory="524288Ki", gpu="900m"),
            usage("callbot-2", cpu="500m", memory="1Gi", gpu="600m"),
        ),
    )
    assert read == {"cpu": 75.0, "memory": 75.0, "gpu": 75.0}


def test_a_pod_whose_use_is_not_known_yet_does_not_lower_the_average() -> None:
    requests = {"cpu": "1"}
    read = values(pod("a", requests=requests), pod("b", requests=requests), usage=(usage("a", cpu="500m"),))
    assert read == {"cpu": 50.0}


def test_a_container_without_a_request_has_no_share() -> None:
    assert values(pod(), usage=(usage(cpu="500m"),)) == {}


def test_an_amount_that_is_no_quantity_is_left_out() -> None:
    assert values(pod(requests={"cpu": "1", "memory": "1Gi"}), usage=(usage(cpu="soon", memory="512Mi"),)) == {
        "memory": 50.0
    }


def test_without_a_metrics_api_readiness_is_known_all_the_same() -> None:
    state = ClusterObjects(pods=[pod(requests={"cpu": "1"})], deployments=[deployment()], usage=None)
    assert sample(state) == {"acme": {"pods_ready": 1.0, "pods_wanted": 1.0, "available": 1.0}}


def test_tenants_are_told_apart_though_their_workloads_have_the_same_names() -> None:
    state = ClusterObjects(
        pods=[pod(tenant="acme"), pod(tenant="globex", ready=NOT_READY)],
        deployments=[deployment(tenant="acme"), deployment(tenant="globex")],
    )
    assert {tenant: each["available"] for tenant, each in sample(state).items()} == {"acme": 1.0, "globex": 0.0}


def test_a_tenant_is_available_when_every_workload_has_its_minimum() -> None:
    stt = [deployment("stt"), pod("stt-1", app="stt")]
    assert values(deployment(), pod(), *stt)["available"] == 1.0
    assert values(deployment(), pod(ready=NOT_READY), *stt)["available"] == 0.0


def test_a_workload_without_any_pod_is_down() -> None:
    assert values(deployment(replicas=2)) == {"pods_ready": 0.0, "pods_wanted": 2.0, "available": 0.0}


def test_a_terminating_pod_is_not_ready() -> None:
    assert values(deployment(), pod(terminating=True))["available"] == 0.0


def test_a_pod_without_a_ready_condition_is_not_ready() -> None:
    assert values(deployment(), pod(ready=None))["pods_ready"] == 0.0


def test_readiness_on_a_node_that_does_not_answer_is_unknown() -> None:
    assert "available" not in values(deployment(), pod(ready=NODE_AWAY))


def test_a_workload_that_lacks_its_minimum_whatever_the_unknown_pods_are_is_down() -> None:
    read = values(deployment(replicas=3, needed=3), pod("a"), pod("b", ready=NODE_AWAY), pod("c", ready=NOT_READY))
    assert read["available"] == 0.0


def test_one_workload_down_outweighs_another_unknown() -> None:
    read = values(deployment(), pod(ready=NOT_READY), deployment("stt"), pod("stt-1", app="stt", ready=NODE_AWAY))
    assert read["available"] == 0.0


@pytest.mark.parametrize("progressing", ["NewReplicaSetCreated", "ReplicaSetUpdated"])
def test_a_first_rollout_is_no_downtime(progressing: str) -> None:
    assert "available" not in values(deployment(progressing=progressing), pod(ready=NOT_READY))


def test_a_first_rollout_past_its_deadline_is_down() -> None:
    read = values(deployment(progressing="ProgressDeadlineExceeded"), pod(ready=NOT_READY))
    assert read["available"] == 0.0


def test_a_later_rollout_that_takes_pods_away_is_down() -> None:
    read = values(deployment(progressing="ReplicaSetUpdated", revision="2"), pod(ready=NOT_READY))
    assert read["available"] == 0.0


def test_the_first_rollout_after_an_adoption_is_no_outage_while_old_pods_without_our_label_serve() -> None:
    labels = {"app": "callbot", "ecp.ai/tenant": "acme"}
    rolling = deployment(replicas=3, needed=2)
    rolling["spec"]["template"] = {"metadata": {"labels": labels}}
    rolling["status"] |= {"replicas": 4, "updatedReplicas": 1, "readyReplicas": 3}
    assert values(rolling, pod(ready=NOT_READY))["available"] == 1.0
    rolling["status"] |= {"replicas": 3, "updatedReplicas": 3}
    assert values(rolling, pod(ready=NOT_READY))["available"] == 0.0, "all of them should be listed"


def test_a_stopped_tenant_is_neither_up_nor_down() -> None:
    assert values(deployment(replicas=0)) == {"pods_ready": 0.0, "pods_wanted": 0.0}


def test_a_deployment_on_its_way_out_does_not_serve() -> None:
    leaving = deployment("old", deletionTimestamp="2026-11-20T12:00:00Z")
    assert values(leaving, deployment(), pod())["available"] == 1.0


def test_replicas_that_an_autoscaler_adds_are_no_outage_until_they_are_ready() -> None:
    read = values(deployment(replicas=6, needed=3), *pods(3), autoscalers=(autoscaler("callbot", 3),))
    assert read == {"pods_ready": 3.0, "pods_wanted": 6.0, "available": 1.0}


def test_a_workload_is_up_with_the_replicas_that_its_promise_needs_and_spare_ones_may_be_missing() -> None:
    assert values(deployment(replicas=3, needed=2), *pods(2))["available"] == 1.0
    assert values(deployment(replicas=3, needed=2), *pods(1))["available"] == 0.0


def test_a_selector_with_expressions_selects_as_kubernetes_does() -> None:
    picky = deployment()
    picky["spec"]["selector"] = {
        "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["callbot", "other"]},
            {"key": "canary", "operator": "DoesNotExist"},
            {"key": "app", "operator": "Exists"},
            {"key": "app", "operator": "NotIn", "values": ["stt"]},
        ]
    }
    assert values(picky, pod(), pod("stt-1", app="stt"))["pods_ready"] == 1.0


def test_a_stateful_set_is_a_service_like_another_and_takes_its_tenant_down() -> None:
    redis = deployment("redis")
    redis["spec"]["serviceName"] = "redis-headless"
    state = ClusterObjects(
        pods=[pod(), pod("redis-0", app="redis", ready=NOT_READY)], deployments=[deployment()], stateful_sets=[redis]
    )
    found = readings(state)["acme"]
    assert found.known == {"callbot": True, "redis": False}
    assert (found.values["available"], found.values["pods_ready"], found.values["pods_wanted"]) == (0.0, 1.0, 2.0)


def test_what_is_kept_of_a_tenant_is_read_again_when_an_object_or_the_promise_changes() -> None:
    reader, requests = Readings(), {"cpu": "1"}
    running = ClusterObjects(pods=[pod(requests=requests)], deployments=[deployment()], usage=[usage(cpu="250m")])
    service = WorkloadKey("ecp-ai-acme", DEPLOYMENT, "callbot")
    promises = {"acme": Promise({service: Need(1, 1)})}

    def read(state: ClusterObjects) -> dict[str, float]:
        return reader.read(state, promises)["acme"].values

    assert read(running) == {"cpu": 25.0, "pods_ready": 1.0, "pods_wanted": 1.0, "available": 1.0}
    busier = replace(running, usage=[usage(cpu="500m")])
    assert read(busier)["cpu"] == 50.0
    assert read(replace(busier, pods=[pod(requests=requests, ready=NOT_READY)]))["available"] == 0.0
    assert read(replace(busier, pods=[pod(requests={"cpu": "2"})]))["cpu"] == 25.0
    promises = {"acme": Promise({service: Need(2, 2)})}
    assert read(busier)["available"] == 0.0


def test_a_workload_whose_name_no_table_can_hold_counts_for_its_tenant_only() -> None:
    long = "a" * 101
    workloads = [deployment(), deployment(long), deployment("b" * 100)]
    pods = [pod(), pod("long-1", app=long, ready=NOT_READY), pod("b-1", app="b" * 100)]
    found = readings(ClusterObjects(pods=pods, deployments=workloads))["acme"]
    assert found.known == {"callbot": True, "b" * 100: True}
    assert found.values["available"] == 0.0
    [event] = slice_events(
        NOON, KUBERNETES, [TenantSample(tenant_id="acme", values=found.values, services=found.known)]
    )
    for sample in samples_of(event.model_copy(update={"time": datetime.now(UTC)})):
        check_sample(sample)

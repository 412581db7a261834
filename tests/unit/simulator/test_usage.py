"""Simulated usage: smooth, repeatable and realistic."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import mean

from hypothesis import given
from hypothesis import strategies as st

from services.simulator.api.product import cluster_metrics
from services.simulator.controllers.autoscaling.usage import IDLE, container_usages, shares
from shared.kube.objects import Obj
from shared.kube.quantities import milli, parse, whole
from shared.kube.texts import parse_time
from tests.unit.simulator.cluster_harness import (
    DEPLOYMENTS,
    NAMESPACE,
    ClusterHarness,
    deployment,
    gpu_spec,
    namespace,
    pod,
    template,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
moments = st.integers(0, 7 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))


@given(st.uuids().map(str), moments, st.integers(0, 86_400))
def test_nothing_jumps_between_two_samples(uid: str, moment: datetime, age: int) -> None:
    since = moment - timedelta(seconds=age)
    before, after = shares(uid, since, moment), shares(uid, since, moment + timedelta(seconds=5))
    assert all(abs(one - other) < 0.1 for one, other in zip(before, after, strict=True))
    assert all(0 <= one <= 1 for one in before)


@given(st.uuids().map(str), moments)
def test_the_same_pod_at_the_same_time_uses_the_same(uid: str, moment: datetime) -> None:
    assert shares(uid, START - timedelta(days=1), moment) == shares(uid, START - timedelta(days=1), moment)


def test_nothing_is_used_before_a_pod_runs() -> None:
    assert shares("uid", START, START - timedelta(seconds=1)) == IDLE
    assert shares("uid", START, START) == IDLE


def test_cpu_averages_about_half_of_its_request_and_is_higher_by_day() -> None:
    def average(hour_in_korea: float) -> float:
        moment = START + timedelta(days=1, hours=hour_in_korea - 9)
        return mean(shares(f"pod-{number}", START, moment).cpu for number in range(300))

    assert 0.35 < average(3) < 0.45
    assert 0.58 < average(10.5) < 0.70
    assert 0.40 < mean(average(hour) for hour in range(24)) < 0.70


def test_pods_of_one_service_differ() -> None:
    moment = START + timedelta(days=1)
    assert len({round(shares(f"pod-{number}", START, moment).cpu, 3) for number in range(20)}) > 15


def test_kept_metrics_are_those_of_the_present_pods() -> None:
    """The server keeps what depends only on a pod; another server, that has kept nothing, must answer the same."""
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment("web", 3))
    harness.step(60)
    assert pod_metrics(harness)
    gone, changed, restarted = harness.pods("web")
    harness.store.delete("pods", NAMESPACE, gone["metadata"]["name"], grace_seconds=0)
    metadata = {**changed["metadata"], "labels": {**changed["metadata"]["labels"], "tier": "front"}}
    harness.store.replace("pods", {**changed, "metadata": metadata})
    statuses = [
        {**one, "state": {"running": {"startedAt": "2026-01-05T00:59:00Z"}}}
        for one in restarted["status"]["containerStatuses"]
    ]
    harness.store.replace("pods", {**restarted, "status": {**restarted["status"], "containerStatuses": statuses}})
    for _ in range(3):
        usages = {each["metadata"]["uid"]: container_usages(each, harness.clock.now()) for each in harness.pods()}
        found = pod_metrics(harness)
        assert [each["metadata"]["name"] for each in found] == [
            each["metadata"]["name"] for each in harness.pods() if usages[each["metadata"]["uid"]]
        ]
        for each in found:
            stored = harness.get("pods", each["metadata"]["name"])
            assert each["metadata"]["labels"] == stored["metadata"]["labels"]
            [(_, used)] = container_usages(stored, parse_time(each["timestamp"]))
            assert each["containers"][0]["usage"] == {"cpu": f"{used.cpu}n", "memory": f"{used.memory // 1024}Ki"}
        harness.step(5)


def pod_metrics(harness: ClusterHarness, namespace: str | None = None) -> list[Obj]:
    return [each.obj for each in harness.cluster.metrics.pod_metrics(namespace)]


def node_metrics(harness: ClusterHarness) -> list[Obj]:
    return [each.obj for each in harness.cluster.metrics.node_metrics(harness.cluster.scheduler.node_infos())]


def test_a_pod_is_measured_every_15_seconds_and_pods_have_their_turns_at_different_times() -> None:
    harness = running_cluster()
    times: dict[str, list[datetime]] = {}
    for _ in range(30):
        harness.step(1)
        for each in pod_metrics(harness):
            age = harness.clock.now() - parse_time(each["timestamp"])
            assert timedelta(0) <= age <= timedelta(seconds=15)
            times.setdefault(each["metadata"]["name"], []).append(parse_time(each["timestamp"]))
    turns = {name: sorted(set(each)) for name, each in times.items()}
    for name, turn in turns.items():
        assert {later - earlier for earlier, later in pairwise(turn)} == {timedelta(seconds=15)}
        assert len({str(container_usages(harness.get("pods", name), time)) for time in turn}) == len(turn) >= 2
    assert len({(turn[0] - START).seconds % 15 for turn in turns.values()}) > 1


def test_a_pod_that_just_started_is_measured_at_once() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment("web", 20))
    harness.until(lambda: harness.is_rolled_out("web"))
    assert len(pod_metrics(harness)) == 20
    started = {each["metadata"]["name"]: each["status"]["containerStatuses"] for each in harness.pods()}
    for each in pod_metrics(harness):
        since = started[each["metadata"]["name"]][0]["state"]["running"]["startedAt"]
        assert parse_time(each["timestamp"]) >= parse_time(since)


def running_cluster() -> ClusterHarness:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment("web", 3, template=template("web")))
    harness.add(DEPLOYMENTS, deployment("voice", 2, template=template("voice", **gpu_spec())))
    harness.until(lambda: harness.is_rolled_out("web") and harness.is_rolled_out("voice"))
    harness.step(300)
    return harness


def test_pod_metrics_are_as_metrics_server_writes_them() -> None:
    harness = running_cluster()
    found = pod_metrics(harness, "shop")
    assert len(found) == 5
    web = next(one for one in found if one["metadata"]["labels"]["app"] == "web")
    assert (web["kind"], web["apiVersion"]) == ("PodMetrics", "metrics.k8s.io/v1beta1")
    (used,) = web["containers"]
    assert used["name"] == "main"
    assert used["usage"]["cpu"].endswith("n")
    assert used["usage"]["memory"].endswith("Ki")
    assert 0 < milli(used["usage"]["cpu"]) <= 500
    assert 0 < whole(used["usage"]["memory"]) <= 256 * 2**20
    assert "nvidia.com/gpu" not in used["usage"]


def test_gpu_use_is_an_extension_of_pods_and_nodes_with_gpus() -> None:
    harness = running_cluster()
    voices = [one for one in pod_metrics(harness) if one["metadata"]["labels"]["app"] == "voice"]
    assert all(0 < milli(one["containers"][0]["usage"]["nvidia.com/gpu"]) <= 1000 for one in voices)
    for node in node_metrics(harness):
        assert ("nvidia.com/gpu" in node["usage"]) == ("-gpu-" in node["metadata"]["name"])


def test_a_node_uses_what_its_pods_use_and_something_for_itself() -> None:
    harness = running_cluster()
    nodes = {one["metadata"]["name"]: one for one in node_metrics(harness)}
    assert len(nodes) == 24
    pods = pod_metrics(harness)
    node = harness.get("pods", pods[0]["metadata"]["name"])["spec"]["nodeName"]
    assert parse(nodes[node]["usage"]["cpu"]) > parse(pods[0]["containers"][0]["usage"]["cpu"])


def test_pods_that_do_not_run_have_no_metrics() -> None:
    harness = ClusterHarness()
    harness.add("pods", pod())
    harness.step(0.5)
    assert pod_metrics(harness) == []


def test_system_metrics_add_up() -> None:
    harness = running_cluster()
    found = cluster_metrics.system_metrics(harness.cluster)
    assert found["cluster_status"] == "healthy"
    assert (found["nodes"], found["pods"]) == (24, {"total": 5, "ready": 5})
    assert found["total_resources"]["gpu"] == 48
    assert found["requested_resources"] == {"cpu": "7500m", "memory": "12.8Gi", "gpu": 2}
    assert all(0 <= share <= 100 for share in found["utilization"].values())


def test_a_tenants_metrics_have_its_load_traffic_and_availability() -> None:
    harness = ClusterHarness()
    harness.store.create("namespaces", namespace("ecp-ai-hotel", **{"ecp.ai/tenant": "hotel"}))
    made = deployment("web", 3)
    harness.add(DEPLOYMENTS, {**made, "metadata": {"name": "web", "namespace": "ecp-ai-hotel"}})
    harness.step(300)
    found = cluster_metrics.tenant_metrics(harness.cluster, "hotel")
    assert found is not None
    assert found["pods"] == {"total": 3, "ready": 3}
    assert 20 < found["metrics"]["cpu"] < 80
    assert found["metrics"]["response_time"] > 60
    assert found["sla_data"]["availability"] == 100.0
    assert cluster_metrics.tenant_metrics(harness.cluster, "unknown") is None

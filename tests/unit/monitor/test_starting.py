"""A start after a stop is no downtime; a tenant that should run and is gone is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.monitor.sampling import ClusterState, read_tenants
from services.monitor.starting import Starts

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = ("ecp-ai-acme", "callbot")


def state(replicas: int, ready: int) -> ClusterState:
    """A workload that was rolled out long ago, with its pods."""

    def metadata(name: str) -> dict[str, Any]:
        return {"name": name, "namespace": "ecp-ai-acme", "labels": {"app": "a", "ecp.ai/tenant": "acme"}}

    done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    deployment = {
        "metadata": metadata("callbot"),
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}},
        "status": {"readyReplicas": ready, "conditions": [done]},
    }
    pods = [
        {
            "metadata": metadata(f"callbot-{number}"),
            "spec": {"containers": []},
            "status": {"conditions": [{"type": "Ready", "status": str(number < ready)}]},
        }
        for number in range(replicas)
    ]
    return ClusterState(pods=pods, deployments=[deployment], usage=[])


def available(starts: Starts, *readings: tuple[int, int], every: int = 5) -> list[float | None]:
    """What is sampled of (replicas, ready), reading by reading."""
    found = []
    for number, (replicas, ready) in enumerate(readings):
        seen = state(replicas, ready)
        starting = starts.note(seen, NOON + timedelta(seconds=every * number))
        found.append(read_tenants(seen, starting=starting)["acme"].values.get("available"))
    return found


def test_a_start_after_a_stop_is_unknown_until_the_minimum_is_ready() -> None:
    assert available(Starts(), (2, 2), (0, 0), (2, 0), (2, 1), (2, 2)) == [1.0, None, None, None, 1.0]


def test_a_failure_after_the_start_is_down() -> None:
    assert available(Starts(), (0, 0), (2, 2), (2, 0)) == [None, 1.0, 0.0]


def test_a_failure_without_a_stop_is_down() -> None:
    assert available(Starts(), (2, 2), (2, 0)) == [1.0, 0.0]


def test_a_start_that_takes_longer_than_its_deadline_is_down() -> None:
    assert available(Starts(), (0, 0), (2, 0), (2, 0), (2, 0), every=400) == [None, None, None, 0.0]


def test_a_tenant_that_is_expected_and_has_nothing_left_is_down() -> None:
    empty = ClusterState(pods=[], deployments=[], usage=[])
    assert read_tenants(empty, expected=["acme"])["acme"].values == {"pods_ready": 0.0, "available": 0.0}
    assert read_tenants(empty) == {}


def test_a_tenant_that_is_expected_and_stopped_by_hand_is_unknown() -> None:
    assert "available" not in read_tenants(state(0, 0), expected=["acme"])["acme"].values


def test_each_service_is_told_apart() -> None:
    assert read_tenants(state(2, 2))["acme"].services == {"callbot": True}
    assert read_tenants(state(2, 0))["acme"].services == {"callbot": False}
    assert read_tenants(state(0, 0))["acme"].services == {}


def stateful(ready: int, created: datetime = NOON, replicas: int = 1) -> ClusterState:
    """A session store with its pod."""
    labels = {"app": "redis", "ecp.ai/tenant": "acme"}
    metadata = {"name": "redis", "namespace": "ecp-ai-acme", "labels": labels}
    workload = {
        "metadata": metadata | {"creationTimestamp": created.isoformat().replace("+00:00", "Z")},
        "spec": {"replicas": replicas, "serviceName": "redis", "selector": {"matchLabels": {"app": "redis"}}},
        "status": {"readyReplicas": ready},
    }
    ready_pod = {
        "metadata": metadata | {"name": "redis-0"},
        "spec": {"containers": []},
        "status": {"conditions": [{"type": "Ready", "status": str(bool(ready))}]},
    }
    return ClusterState(pods=[ready_pod], deployments=[], stateful_sets=[workload])


def seen(starts: Starts, *readings: tuple[float, ClusterState]) -> list[float | None]:
    """What is sampled of (seconds after noon, state), reading by reading."""
    found = []
    for seconds, state in readings:
        starting = starts.note(state, NOON + timedelta(seconds=seconds))
        found.append(read_tenants(state, starting=starting)["acme"].values.get("available"))
    return found


def test_a_new_stateful_set_is_unknown_until_it_is_ready_and_down_when_it_falls() -> None:
    assert seen(Starts(), (5, stateful(0)), (10, stateful(1)), (15, stateful(0)), (20, stateful(1))) == [
        None,
        1.0,
        0.0,
        1.0,
    ]


def test_a_stateful_set_that_never_becomes_ready_is_down_after_its_time() -> None:
    assert seen(Starts(), (5, stateful(0)), (595, stateful(0)), (600, stateful(0))) == [None, None, 0.0]


def test_an_old_stateful_set_that_is_not_ready_is_down_also_for_who_has_just_taken_over() -> None:
    assert seen(Starts(), (0, stateful(0, NOON - timedelta(days=1)))) == [0.0]


def test_a_stateful_set_that_starts_after_a_stop_is_unknown() -> None:
    old = NOON - timedelta(days=1)
    assert seen(Starts(), (0, stateful(0, old, replicas=0)), (5, stateful(0, old)), (10, stateful(1, old))) == [
        None,
        None,
        1.0,
    ]

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

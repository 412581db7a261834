"""`deployment-status`: what is made, what is waited for, and until when."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.deployments.progress import deployment_state, estimated_completion, never_deployed, waiting_for
from shared.durations import Measured, measured
from shared.events import ResourceState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TENANT = SimpleNamespace(tenant_id="t", sla=None)


def deployment(**changes: Any) -> SimpleNamespace:
    fields: dict[str, Any] = {
        "deployment_id": "dep-1",
        "operation": "deploy",
        "status": "deploying",
        "phase": "scaling-services",
        "progress": 50,
        "message": "1 of 2 workloads are available; waiting for chatbot 1/2 (ContainerCreating)",
        "resources": [
            {"type": "Namespace", "name": "ns", "status": "Active"},
            {"type": "Deployment", "name": "callbot", "status": "Available", "replicas": "3/3"},
            {"type": "ServiceMonitor", "name": "m", "status": "Skipped"},
            {"type": "Deployment", "name": "chatbot", "status": "Progressing", "replicas": "1/2"},
        ],
        "target": "simulator",
        "generation": 1,
        "error_code": None,
        "created_at": NOW - timedelta(minutes=2),
        "repeats": 0,
        "repeat_at": None,
        "updated_at": NOW - timedelta(minutes=1),
        "drift": None,
    }
    return SimpleNamespace(**(fields | changes))


def test_resources_are_created_or_pending_by_the_deployer_s_word() -> None:
    state = deployment_state(TENANT, deployment(), [], NOW)
    assert [each.name for each in state.created_resources] == ["ns", "callbot", "m"]
    assert [each.name for each in state.pending_resources] == ["chatbot"]


def test_drift_is_shown_with_field_and_manager_until_it_is_mended() -> None:
    item = {
        "type": "Deployment",
        "name": "callbot",
        "reason": "changed",
        "field": ".spec.replicas",
        "manager": "kubectl",
    }
    report = {"sequence": 1, "time": NOW.isoformat(), "message": "drifted", "heals": 0, "next_heal": None}
    drifted = deployment_state(TENANT, deployment(drift={**report, "drift": [item]}), [], NOW)
    assert drifted.drift is not None
    assert [(each.field, each.manager) for each in drifted.drift.drift] == [(".spec.replicas", "kubectl")]
    assert deployment_state(TENANT, deployment(drift={**report, "sequence": 2, "drift": []}), [], NOW).drift is None
    assert deployment_state(TENANT, deployment(), [], NOW).drift is None


def after(seconds: float) -> datetime:
    """That long after the start of the deployment."""
    return NOW - timedelta(minutes=2) + timedelta(seconds=seconds)


PAST = measured([Measured(5, seconds) for seconds in (60, 90, 130, 180, 240)], 5)


def test_the_end_is_that_of_the_past_operations_that_took_longer_than_this_one_has() -> None:
    assert estimated_completion(deployment(), PAST, after(10)) == after(130)
    assert estimated_completion(deployment(), PAST, after(100)) == after(180)
    assert estimated_completion(deployment(), PAST, after(200)) == after(240)


def test_an_operation_that_takes_longer_than_all_before_it_has_its_own_pace() -> None:
    assert estimated_completion(deployment(progress=80), PAST, after(400)) == after(500)
    assert estimated_completion(deployment(progress=2), PAST, after(400)) == after(2000)
    assert estimated_completion(deployment(progress=80), None, after(400)) == after(500)


@given(st.integers(0, 100), st.floats(0, 10_000))
def test_an_estimate_is_never_past(progress: int, seconds: float) -> None:
    assert estimated_completion(deployment(progress=progress), PAST, after(seconds)) >= after(seconds)


@pytest.mark.parametrize("status", ["completed", "failed", "superseded", "rolled_back", "cancelled"])
def test_what_has_ended_waits_for_nothing(status: str) -> None:
    state = deployment_state(TENANT, deployment(status=status), [], NOW)
    assert (state.estimated_completion, state.waiting_for) == (None, None)


@pytest.mark.parametrize(
    ("phase", "message", "expected"),
    [
        ("sizing", "the deployment has been requested", "the calculator"),
        ("rendering", "sized", "the manifest service"),
        ("validating", "rendered", "the deployer"),
        ("creating-services", "waiting for the Kubernetes API of cluster demo", "the Kubernetes API of cluster demo"),
        ("scaling-services", "callbot is applied", "Deployment chatbot (1/2)"),
    ],
)
def test_the_worker_or_objects_that_it_waits_for_are_named(phase: str, message: str, expected: str) -> None:
    pending = [ResourceState(type="Deployment", name="chatbot", status="Progressing", replicas="1/2")]
    assert waiting_for(phase, message, pending) == expected


def test_without_a_known_reason_none_is_given() -> None:
    assert waiting_for("waiting-healthy", "soon", []) is None


def test_the_answer_for_a_tenant_without_deployment_names_the_call_to_deploy_it() -> None:
    assert never_deployed("t").waiting_for == "POST /api/v1/tenants/t/deploy"


def reported(time: datetime, **services: dict[str, Any]) -> SimpleNamespace:
    """The tenant with its last `sla.reported`."""
    common = {"up": True, "ready": 3, "needed": 2, "wanted": 3}
    sla = {"time": time.isoformat(), "services": {name: common | each for name, each in services.items()}}
    return SimpleNamespace(tenant_id="t", sla=sla)


DONE = {"status": "completed", "message": "2 of 2 workloads are available"}
GONE = {"up": False, "ready": 0, "is_missing": True}


def test_a_workload_that_is_gone_since_its_deployment_is_not_shown_as_available() -> None:
    tenant = reported(NOW, callbot=GONE, chatbot={"ready": 2, "wanted": 2})
    state = deployment_state(tenant, deployment(**DONE), [], NOW)
    [pending] = [each for each in state.pending_resources if each.name == "callbot"]
    assert (pending.status, pending.replicas) == ("Missing", "0/3")
    assert "callbot" not in [each.name for each in state.created_resources]
    assert state.message == "1 of 2 services are up; down: callbot (missing)"


def test_a_workload_that_lacks_replicas_shows_how_many_are_ready() -> None:
    tenant = reported(NOW, callbot={"up": False, "ready": 1}, chatbot={})
    state = deployment_state(tenant, deployment(**DONE), [], NOW)
    [pending] = [each for each in state.pending_resources if each.name == "callbot"]
    assert (pending.status, pending.replicas) == ("Unavailable", "1/3")
    assert state.message == "1 of 2 services are up; down: callbot (1 ready, 2 needed)"


def test_a_report_of_before_the_deployment_s_end_and_one_of_a_stopped_tenant_change_nothing() -> None:
    old = reported(NOW - timedelta(minutes=5), callbot=GONE)
    resting = reported(NOW, callbot={"up": None, "ready": 0, "is_due": False})
    broken = SimpleNamespace(tenant_id="t", sla={"time": "never", "services": []})
    for tenant in (old, resting, broken):
        state = deployment_state(tenant, deployment(**DONE), [], NOW)
        assert "callbot" in [each.name for each in state.created_resources]
        assert state.message == DONE["message"]


def test_while_a_deployment_goes_on_the_deployer_tells_how_it_is() -> None:
    state = deployment_state(reported(NOW, callbot=GONE), deployment(), [], NOW)
    assert "callbot" in [each.name for each in state.created_resources]

"""What an event means for a deployment."""

from typing import Any

import pytest

from services.gateway.deployments.projection import Update, is_step_forward, read_update, tenant_status
from shared.events import (
    DeployCompleted,
    DeployDrifted,
    DeployEvent,
    DeployFailed,
    DeployProgressed,
    DeployRolledBack,
    DeployStarted,
    DeploySuperseded,
    Event,
    ManifestRejected,
    ManifestRendered,
    MetricsCollected,
    Phase,
    ResourcesRejected,
    TenantDeleted,
)
from shared.events.statuses import ENDED

GONE = {"type": "Deployment", "name": "callbot", "reason": "gone"}
CONTEXT = {"deployment_id": "dep-1", "generation": 1, "target": "simulator"}
STEP: dict[str, Any] = {
    "tenant_id": "t",
    "deployment_id": "dep-1",
    "generation": 1,
    "target": "simulator",
    "message": "scaled",
    "phase": Phase.SCALING_SERVICES,
    "progress": 70,
}


@pytest.mark.parametrize(
    ("model", "more", "status", "level"),
    [
        (DeployStarted, {}, "deploying", "info"),
        (DeployProgressed, {}, "deploying", "info"),
        (DeployCompleted, {"digest": "sha256:1"}, "completed", "info"),
        (DeployFailed, {"code": "KUBERNETES_ERROR"}, "failed", "error"),
        (DeployRolledBack, {}, "rolled_back", "warning"),
        (DeploySuperseded, {"superseded_by": 2}, "superseded", "warning"),
        (DeployDrifted, {}, "completed", "info"),
        (DeployDrifted, {"drift": [GONE]}, "completed", "warning"),
        (DeployDrifted, {"drift": [GONE], "outcome": "rolled_back"}, "rolled_back", "warning"),
    ],
)
def test_each_event_of_the_deployer_has_a_status(
    model: type[DeployEvent], more: dict[str, Any], status: str, level: str
) -> None:
    update = read_update(model(**STEP, **more))
    assert update is not None
    assert (update.status, update.level) == (status, level)
    assert (update.deployment_id, update.message, update.phase, update.progress) == (
        "dep-1",
        "scaled",
        Phase.SCALING_SERVICES,
        70,
    )
    assert update.error_code == more.get("code")
    assert update.digest == more.get("digest")


def test_what_comes_before_the_deployer_stays_below_its_ten_percent() -> None:
    rendered = ManifestRendered.model_validate(
        {"tenant_id": "t", "deployment": CONTEXT, "digest": "sha256:1", "summary": {"Deployment": 5, "Service": 5}}
    )
    update = read_update(rendered)
    assert update is not None
    assert (update.status, update.phase, update.progress) == ("deploying", Phase.VALIDATING, 6)
    assert update.message == "rendered 10 objects"


@pytest.mark.parametrize(("model", "phase"), [(ResourcesRejected, Phase.SIZING), (ManifestRejected, Phase.VALIDATING)])
def test_a_rejection_fails_the_deployment_where_it_is(model: type[Event], phase: Phase) -> None:
    event = model.model_validate({"tenant_id": "t", "deployment": CONTEXT, "code": "MANIFEST_INVALID", "message": "no"})
    update = read_update(event)
    assert update is not None
    assert (update.status, update.phase, update.error_code, update.progress) == (
        "failed",
        phase,
        "MANIFEST_INVALID",
        None,
    )


def test_the_end_of_a_deletion_is_the_completion_of_its_operation() -> None:
    update = read_update(TenantDeleted(tenant_id="t", deletion_id="del-1", generation=2))
    assert update is not None
    assert (update.deployment_id, update.status, update.progress) == ("del-1", "completed", 100)


def test_a_sizing_without_a_deployment_and_other_events_change_no_deployment() -> None:
    rejected = ResourcesRejected(tenant_id="t", code="X", message="no")
    sample = MetricsCollected.model_validate(
        {"tenant_id": "t", "time": "2026-01-01T00:00:00Z", "values": {}, "source": "x"}
    )
    assert read_update(rejected) is None
    assert read_update(sample) is None


@pytest.mark.parametrize("status", ["pending", "deploying", *sorted(ENDED)])
def test_only_another_end_follows_an_end(status: str) -> None:
    assert is_step_forward(status, Update("dep-1", "deploying", "")) is (status not in ENDED)
    assert is_step_forward(status, Update("dep-1", "failed", "")) is (status != "cancelled")
    assert is_step_forward(status, Update("dep-1", "cancelled", "")) is (status not in ENDED)


@pytest.mark.parametrize(
    ("operation", "status", "tenant"),
    [
        ("deploy", "completed", "running"),
        ("deploy", "failed", "failed"),
        ("deploy", "rolled_back", "running"),
        ("deploy", "deploying", None),
        ("deploy", "superseded", None),
        ("delete", "failed", "failed"),
        ("delete", "completed", None),
        ("delete", "deploying", None),
    ],
)
def test_the_tenant_s_status_follows(operation: str, status: Any, tenant: str | None) -> None:
    assert tenant_status(operation, status) == tenant


def test_only_steps_of_the_preparation_are_passed_by_a_deployment_that_is_further() -> None:
    rendered = read_update(
        ManifestRendered.model_validate({"tenant_id": "t", "deployment": CONTEXT, "digest": "sha256:1", "summary": {}})
    )
    scaled = read_update(DeployProgressed(**STEP))
    failed = read_update(DeployFailed(**STEP, code="KUBERNETES_ERROR"))
    assert rendered is not None and scaled is not None and failed is not None
    assert [each.passed_above for each in (rendered, scaled, failed)] == [6, None, None]
    assert [each.is_step for each in (rendered, scaled, failed)] == [True, True, False]

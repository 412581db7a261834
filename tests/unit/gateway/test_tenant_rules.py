"""What an operation becomes: targets, specs, rows and events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.deployments.new_deployment import (
    NewDeployment,
    deploy_requested,
    deployment_values,
    operation_requested,
)
from services.gateway.tenants import rules
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.schemas import TenantChange, TenantCreate
from services.gateway.tenants.targets import TargetChoice
from shared.errors import Refused
from shared.events import DeployOptions, DeployRequested, Operation, OperationRequested
from shared.examples import SIZING
from shared.subjects import Mode
from shared.tenants import TenantSpec

SPEC = TenantSpec(tenant_id="t", name="n", service_requirements={"callbot": 5})
DEPLOYMENT = NewDeployment(
    deployment_id="dep-1",
    generation=3,
    revision=2,
    target="simulator",
    options=DeployOptions(),
    correlation_id="req-1",
)


def row(**changes: Any) -> TenantRow:
    """A stored tenant that has been sized."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = dict.fromkeys(TenantRow.__slots__)
    fields |= {
        "id": 1,
        "tenant_id": "t",
        "name": "n",
        "preset": "medium",
        "status": "running",
        "service_requirements": {"callbot": 5},
        "resources": {},
        "sla_target": {"availability": "99.9%"},
        "created_at": now,
        "updated_at": now,
        "sizing": {"preset": "medium"},
        "revision": 1,
        "generation": 1,
    }
    return TenantRow(**(fields | changes))


@pytest.mark.parametrize(
    ("kubeconfig", "mode", "asked", "bound", "target"),
    [
        (False, Mode.DEMO, None, None, "simulator"),
        (True, Mode.DEMO, None, None, "simulator"),
        (False, Mode.PRODUCTION, None, None, "simulator"),
        (True, Mode.PRODUCTION, None, None, "kubernetes"),
        (True, Mode.PRODUCTION, "simulator", None, "simulator"),
        (True, Mode.PRODUCTION, None, "simulator", "simulator"),
        (False, Mode.PRODUCTION, None, "kubernetes", "kubernetes"),
    ],
)
def test_the_target_is_the_mode_s_the_one_asked_for_or_the_one_that_it_has(
    kubeconfig: bool, mode: Mode, asked: str | None, bound: str | None, target: str
) -> None:
    chosen, notes = TargetChoice(mode, kubeconfig).choose(asked, bound)
    assert chosen == target
    assert bool(notes) == (mode is Mode.PRODUCTION and not kubeconfig and asked is None and bound is None)


@pytest.mark.parametrize(
    ("mode", "asked", "bound", "code"),
    [
        (Mode.DEMO, "kubernetes", None, "VALIDATION_ERROR"),
        (Mode.PRODUCTION, "moon", None, "VALIDATION_ERROR"),
        (Mode.PRODUCTION, "kubernetes", "simulator", "CONFLICT"),
    ],
)
def test_a_target_that_can_t_be_is_refused(mode: Mode, asked: str, bound: str | None, code: str) -> None:
    with pytest.raises(Refused) as refused:
        TargetChoice(mode, has_kubernetes=True).choose(asked, bound)
    assert refused.value.code == code


def test_a_request_s_spec_has_nothing_of_its_deployment() -> None:
    request = TenantCreate(tenant_id="t", name="n", service_requirements={"callbot": 5}, deploy=False)
    assert rules.spec_of_request(request) == SPEC
    assert type(rules.spec_of_request(request)) is TenantSpec


def test_a_sized_tenant_has_the_requested_specification_and_one_by_hand_that_of_its_columns() -> None:
    assert rules.spec_of_row(row()).preset is None
    by_hand = rules.spec_of_row(row(sizing=None, name=None, gpu_type="t4"))
    assert (by_hand.preset, by_hand.gpu_type, by_hand.name) == ("medium", "t4", "t")


def test_a_row_by_hand_that_makes_no_sense_is_refused_by_field() -> None:
    with pytest.raises(Refused) as refused:
        rules.spec_of_row(row(tenant_id="Not A Label", service_requirements={"callbot": "x"}))
    fields = {each["field"] for each in refused.value.details["errors"]}
    assert fields == {"tenant_id", "service_requirements.callbot"}


def test_a_change_replaces_what_it_gives_and_a_null_is_a_value() -> None:
    spec = SPEC.model_copy(update={"preset": "large", "description": "d"})
    changed = rules.changed_spec(spec, TenantChange(service_requirements={"tts": 1}, preset=None))
    assert changed.service_requirements == {"tts": 1}
    assert changed.preset is None
    assert changed.description == "d"
    with pytest.raises(Refused):
        rules.changed_spec(spec, TenantChange(name=None))
    with pytest.raises(Refused, match="nothing to change"):
        rules.changed_spec(spec, TenantChange())


@pytest.mark.parametrize(
    ("status", "expected"), [("running", "running"), ("failed", "pending"), ("pending", "pending")]
)
def test_only_a_running_tenant_runs_while_it_is_deployed(status: str, expected: str) -> None:
    assert rules.status_while_deploying(status) == expected


def test_the_deployment_s_row_and_event_agree() -> None:
    values = deployment_values(7, DEPLOYMENT)
    event = deploy_requested(SPEC, SIZING, DEPLOYMENT)
    assert event.sizing == SIZING
    assert isinstance(event, DeployRequested)
    assert event.deployment is not None
    for name in ("deployment_id", "generation", "target"):
        assert values[name] == getattr(event.deployment, name)
    assert (values["tenant_id"], values["operation"], values["phase"]) == (7, "deploy", "sizing")


def test_a_deletion_begins_at_the_deployer() -> None:
    values = deployment_values(7, DEPLOYMENT, "delete")
    event = operation_requested("t", DEPLOYMENT, Operation.DELETE, force=True)
    assert isinstance(event, OperationRequested)
    assert (values["operation"], values["phase"]) == ("delete", "validating")
    assert (event.operation, event.force, event.deployment.generation) == ("delete", True, 3)

"""What a merge patch makes of a tenant."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.tenants import rules
from services.gateway.tenants.patching import change_of_patch
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.schemas import TenantChange, TenantPatch
from shared.errors import Refused
from shared.examples import SIZING


def row(**changes: Any) -> TenantRow:
    fields: dict[str, Any] = {
        **dict.fromkeys(TenantRow.__slots__),
        "id": 1,
        "tenant_id": "t",
        "name": "n",
        "preset": "large",
        "requested_preset": "large",
        "status": "running",
        "service_requirements": {"callbot": 50, "chatbot": 100},
        "sla_target": {"availability": "99.9%", "response_time": "150ms"},
        "description": "d",
        "sizing": SIZING.model_dump(mode="json"),
        "options": {"timeout": "10m", "prune": False},
        "created_at": datetime.now(UTC),
        "updated_at": datetime.now(UTC),
        "revision": 1,
        "generation": 1,
    }
    return TenantRow(**(fields | changes))


def changed(**patch: Any) -> TenantChange:
    return change_of_patch(row(), TenantPatch.model_validate(patch))


def test_a_nested_field_keeps_its_neighbours() -> None:
    change = changed(service_requirements={"callbot": 75}, sla_target={"availability": "99.95%"})
    assert change.service_requirements == {"callbot": 75, "chatbot": 100}
    assert change.sla_target is not None
    assert (change.sla_target.availability, change.sla_target.response_time) == ("99.95%", "150ms")
    assert change.model_fields_set == {"service_requirements", "sla_target"}


def test_null_removes_an_entry_and_resets_a_field() -> None:
    for nothing in (None, 0, "0"):
        assert changed(service_requirements={"chatbot": nothing}).service_requirements == {"callbot": 50}
    change = changed(name=None, preset=None, description=None, sla_target=None, options=None)
    spec = rules.changed_spec(rules.spec_of_row(row()), change)
    assert (spec.name, spec.preset, spec.description) == ("t", None, None)
    assert (spec.sla_target.availability, spec.sla_target.response_time) == ("99.5%", "200ms")
    assert change.options is not None
    assert change.options.timeout == type(change.options)().timeout


def test_options_merge_with_those_of_the_last_deployment() -> None:
    options = changed(options={"timeout": "30m"}).options
    assert options is not None
    assert (options.timeout, options.prune) == ("30m", False)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"service_requirements": {"callbot": "many"}}, "service_requirements.callbot"),
        ({"sla_target": {"availabilty": "99.9%"}}, "sla_target.availabilty"),
        ({"options": {"timeout": 5}}, "options.timeout"),
        ({"service_requirements": {"callbot": 0, "chatbot": "0"}}, "service_requirements"),
    ],
)
def test_what_is_wrong_after_the_merge_is_refused_by_field(patch: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        changed(**patch)
    assert [each["field"] for each in refused.value.details["errors"]] == [field]


def test_a_tenant_can_not_lose_all_of_its_services() -> None:
    for patch in ({"callbot": None, "chatbot": None}, None):
        with pytest.raises(Refused) as refused:
            changed(service_requirements=patch)
        assert [each["field"] for each in refused.value.details["errors"]] == ["service_requirements"]


def test_a_patch_has_the_fields_of_a_change() -> None:
    assert set(TenantPatch.model_fields) == set(TenantChange.model_fields)

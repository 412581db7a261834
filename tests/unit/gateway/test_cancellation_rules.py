"""Which operations can be cancelled, what a repeated cancel does, and the tenant's status afterwards."""

from typing import Any

import pytest

from services.gateway.cancellation.rules import OperationInProgress, decide
from services.gateway.deployments.projection import status_before
from services.gateway.deployments.requests import CANCEL, request_to_repeat
from shared.errors import Refused
from shared.events.statuses import ENDED


def operation(**changes: Any) -> OperationInProgress:
    fields: dict[str, Any] = {
        "deployment_id": "dep-1",
        "tenant_id": "acme",
        "operation": "deploy",
        "status": "deploying",
        "generation": 2,
        "latest": 2,
        "is_asked": False,
    }
    return OperationInProgress(**fields | changes)


@pytest.mark.parametrize("status", ["pending", "deploying"])
@pytest.mark.parametrize("kind", ["deploy", "rollback", "start", "stop", "restart"])
def test_an_operation_in_progress_is_cancelled_once(kind: str, status: str) -> None:
    assert decide(operation(operation=kind, status=status))[0]
    asks, message = decide(operation(operation=kind, status=status, is_asked=True))
    assert (asks, message.message.id) == (False, "cancel-in-progress")


def test_what_was_cancelled_is_answered_again() -> None:
    asks, message = decide(operation(status="cancelled", latest=5))
    assert (asks, message.english) == (False, "it was cancelled")


@pytest.mark.parametrize("status", sorted(ENDED - {"cancelled"}))
def test_an_ended_operation_is_a_conflict_with_its_status(status: Any) -> None:
    with pytest.raises(Refused, match=f"this deploy is {status}") as refused:
        decide(operation(status=status))
    assert refused.value.details["existing_status"] == status


def test_a_deletion_and_what_is_being_superseded_are_conflicts() -> None:
    with pytest.raises(Refused, match="a part of it may be gone"):
        decide(operation(operation="delete"))
    with pytest.raises(Refused, match="by a later operation"):
        decide(operation(latest=3))


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ([], "pending"),
        ([("deploy", "cancelled")], "pending"),
        ([("deploy", "cancelled"), ("deploy", "completed")], "running"),
        ([("start", "cancelled"), ("stop", "completed"), ("deploy", "completed")], "stopped"),
        ([("deploy", "cancelled"), ("deploy", "superseded"), ("deploy", "failed")], "failed"),
    ],
)
def test_the_tenant_has_the_status_of_the_last_operation_that_ended(history: Any, status: str) -> None:
    assert status_before(history) == status


def test_the_cancel_is_published_again_until_the_end_and_then_the_request() -> None:
    request = {"subject": "deploy.requested", CANCEL: {"subject": "operation.requested"}}
    assert request_to_repeat(request, "deploying") == {"subject": "operation.requested"}
    assert request_to_repeat(request, "completed") == request
    assert request_to_repeat({"subject": "deploy.requested"}, "pending") == {"subject": "deploy.requested"}

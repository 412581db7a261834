"""Which manifest a rollback, start or restart runs, and why it may not."""

from typing import Any

import pytest

from services.gateway.lifecycle.rules import PastOperation, TenantHistory, choose
from shared.errors import Refused
from shared.events import Operation


def past(
    generation: int, operation: str = "deploy", status: str = "completed", digest: str | None = ""
) -> PastOperation:
    """Its digest is `sha256:<generation>` unless another one is given."""
    found = f"sha256:{generation}" if digest == "" else digest
    return PastOperation(f"dep-{generation}", operation, generation, generation, status, found)


def state(*history: PastOperation, status: str = "running") -> TenantHistory:
    """Oldest first, as one tells it."""
    return TenantHistory("acme", status, max((each.revision for each in history), default=1), history[::-1])


def source_of(operation: Operation, *history: PastOperation, **more: Any) -> str | None:
    found = choose(operation, state(*history, **more)).source
    return found.deployment_id if found else None


ROLLBACKS: list[Any] = [
    pytest.param([past(1), past(2)], "dep-1", id="the one before"),
    pytest.param([past(1), past(2, digest="sha256:1"), past(3)], "dep-2", id="the later of two with one manifest"),
    pytest.param([past(1), past(2), past(3, digest="sha256:2")], "dep-1", id="not the same manifest again"),
    pytest.param([past(1), past(2, status="failed"), past(3)], "dep-1", id="past what failed"),
    pytest.param([past(1), past(2, status="failed")], "dep-1", id="from what failed"),
    pytest.param([past(1), past(2, status="pending", digest=None)], "dep-1", id="from what is on its way"),
    pytest.param(
        [past(1), past(2), past(3, "rollback", "rolled_back", "sha256:1")], "dep-2", id="a rollback of a rollback"
    ),
    pytest.param(
        [past(1), past(2), past(3, "deploy", "rolled_back", "sha256:2")], "dep-1", id="what went back by itself"
    ),
    pytest.param([past(1), past(2), past(3, "restart", digest="sha256:2")], "dep-1", id="past a restart"),
]


@pytest.mark.parametrize(("history", "expected"), ROLLBACKS)
def test_a_rollback_goes_to_the_last_healthy_generation_with_another_manifest(
    history: list[PastOperation], expected: str
) -> None:
    assert source_of(Operation.ROLLBACK, *history) == expected


def test_a_rollback_goes_where_it_is_told_if_that_was_healthy() -> None:
    history = state(past(1), past(2), past(3, status="failed"), past(4))
    chosen = choose(Operation.ROLLBACK, history, "dep-1")
    assert chosen.source is not None
    assert chosen.source.deployment_id == "dep-1"
    assert "of revision 1; the tenant is at revision 4" in chosen.notes[0].english
    with pytest.raises(Refused, match="is failed; choose a completed one"):
        choose(Operation.ROLLBACK, history, "dep-3")
    with pytest.raises(Refused) as unknown:
        choose(Operation.ROLLBACK, history, "dep-9")
    assert unknown.value.code == "DEPLOYMENT_NOT_FOUND"


STOPPED = (past(1), past(2), past(3, "stop", digest=None))
REFUSED: list[Any] = [
    (Operation.ROLLBACK, (past(1),), "running", "nothing to roll back to"),
    (Operation.ROLLBACK, (), "pending", "nothing to roll back to"),
    (Operation.ROLLBACK, STOPPED, "stopped", "is stopped"),
    (Operation.RESTART, STOPPED, "stopped", "is stopped"),
    (Operation.RESTART, (past(1), past(2, status="deploying")), "running", "in progress"),
    (Operation.RESTART, (past(1, status="failed", digest=None),), "failed", "nothing of it runs"),
    (Operation.STOP, STOPPED, "stopped", "stopped"),
    (Operation.STOP, (past(1), past(2, "stop", "pending", None)), "running", "being stopped"),
    (Operation.STOP, (), "pending", "never deployed"),
    (Operation.START, (past(1),), "running", "not stopped"),
    (Operation.START, (past(1, status="failed"), past(2, "stop", digest=None)), "stopped", "no deployment of it was"),
]


@pytest.mark.parametrize(("operation", "history", "status", "words"), REFUSED)
def test_an_impossible_operation_is_a_conflict_with_the_reason(
    operation: Operation, history: tuple[PastOperation, ...], status: str, words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        choose(operation, state(*history, status=status))
    assert refused.value.code == "CONFLICT"


def test_a_start_runs_what_was_healthy_last_also_while_the_stop_is_on_its_way() -> None:
    failed = past(3, status="failed")
    assert source_of(Operation.START, *STOPPED, status="stopped") == "dep-2"
    assert source_of(Operation.START, past(1), past(2), failed, past(4, "stop", "deploying", None)) == "dep-2"


def test_a_start_that_failed_may_be_tried_again() -> None:
    again = past(4, "start", "failed", "sha256:2")
    assert source_of(Operation.START, *STOPPED, again, status="failed") == "dep-2"


def test_a_stop_that_failed_may_be_tried_again_and_has_no_manifest() -> None:
    assert source_of(Operation.STOP, past(1), past(2, "stop", "failed", None), status="failed") is None


def test_a_restart_keeps_the_manifest_that_is_there_even_if_it_has_failed() -> None:
    assert source_of(Operation.RESTART, past(1), past(2, status="failed"), status="failed") == "dep-2"
    went_back = past(3, "deploy", "rolled_back", "sha256:1")
    assert source_of(Operation.RESTART, past(1), past(2, status="failed"), went_back) == "dep-1"


@pytest.mark.parametrize(
    "last", [past(2, "start", "cancelled", "sha256:1"), past(2, "stop", "cancelled", None)], ids=["start", "stop"]
)
def test_a_start_follows_a_cancelled_start_or_stop_since_some_pods_may_not_run(last: PastOperation) -> None:
    assert source_of(Operation.START, past(1), last) == "dep-1"
    assert source_of(Operation.STOP, past(1), last) is None


def test_after_a_cancelled_deployment_a_rollback_goes_to_what_was_healthy() -> None:
    assert source_of(Operation.ROLLBACK, past(1), past(2, status="cancelled")) == "dep-1"

"""The overall status, and the contradictions of a pipeline's report."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from services.gateway.deployments.outcome import Report, contradiction, overall_status
from shared.events import ServiceReadiness

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UP = ServiceReadiness(up=True, ready=3, needed=2, wanted=3)
DOWN = ServiceReadiness(up=False, ready=0, needed=2, wanted=3)


@pytest.mark.parametrize(
    ("operation", "status", "expected"),
    [
        ("deploy", "pending", "pending"),
        ("deploy", "deploying", "pending"),
        ("deploy", "completed", "ready"),
        ("deploy", "failed", "failed"),
        ("deploy", "rolled_back", "failed"),
        ("deploy", "superseded", "pending"),
        ("deploy", "cancelled", "cancelled"),
        ("rollback", "rolled_back", "ready"),
        ("restart", "completed", "ready"),
        ("stop", "completed", "stopped"),
        ("delete", "completed", "pending"),
        ("delete", "failed", "failed"),
    ],
)
def test_the_whole_is_ready_if_it_was_done_as_requested(operation: str, status: str, expected: str) -> None:
    assert overall_status(operation, status, {"callbot": UP}) == expected


def test_it_is_not_ready_while_a_service_is_down() -> None:
    assert overall_status("deploy", "completed", {"callbot": UP, "tts": DOWN}) == "pending"
    unknown = ServiceReadiness(up=None, ready=0, needed=2, wanted=3)
    assert overall_status("deploy", "completed", {"callbot": unknown}) == "ready", "unknown isn't down"


def deployment(status: str, operation: str = "deploy") -> SimpleNamespace:
    ended = NOW if status not in ("pending", "deploying") else None
    return SimpleNamespace(
        status=status, operation=operation, created_at=NOW - timedelta(minutes=10), finished_at=ended
    )


@pytest.mark.parametrize(
    ("reported", "status", "operation"),
    [
        ("completed", "completed", "deploy"),
        ("failed", "failed", "deploy"),
        ("failed", "rolled_back", "deploy"),
        ("rolled_back", "rolled_back", "deploy"),
        ("completed", "rolled_back", "rollback"),
        ("deploying", "pending", "deploy"),
        ("pending", "deploying", "deploy"),
        ("cancelled", "cancelled", "deploy"),
    ],
)
def test_a_report_that_agrees_has_no_contradiction(reported: str, status: str, operation: str) -> None:
    report = Report(reported, NOW, NOW + timedelta(seconds=1))
    assert contradiction(report, deployment(status, operation), {}) is None


@pytest.mark.parametrize(
    ("reported", "status"),
    [
        ("completed", "deploying"),
        ("completed", "failed"),
        ("completed", "rolled_back"),
        ("failed", "completed"),
        ("deploying", "completed"),
        ("rolled_back", "completed"),
    ],
)
def test_a_report_that_disagrees_is_contradicted_with_both_statuses(reported: str, status: str) -> None:
    found = contradiction(Report(reported, None, NOW + timedelta(seconds=1)), deployment(status), {})
    assert found is not None
    assert found.english == f"{reported} was reported, but the deploy is {status}"


def test_a_report_of_progress_from_before_the_end_is_only_old() -> None:
    assert contradiction(Report("deploying", None, NOW - timedelta(seconds=1)), deployment("completed"), {}) is None


def test_services_that_are_down_contradict_completed() -> None:
    for row in (deployment("completed"), None):
        found = contradiction(Report("completed", NOW, NOW), row, {"callbot": UP, "tts": DOWN})
        assert found is not None
        assert found.english == "completed was reported, but services are down: tts"
    assert contradiction(Report("failed", NOW, NOW), None, {"tts": DOWN}) is None


def test_a_time_from_before_the_request_is_that_of_another_deployment() -> None:
    row = deployment("completed")
    found = contradiction(Report("completed", row.created_at - timedelta(hours=1), NOW), row, {})
    assert found is not None
    assert found.english == "deployed_at is before the deploy was requested (2026-01-01T11:50:00Z)"
    assert contradiction(Report("completed", row.created_at - timedelta(minutes=1), NOW), row, {}) is None

"""Which progress is published: phases and problems soon, figures seldom, and all less often with many tenants."""

from datetime import UTC, datetime, timedelta

import pytest

from services.deployer.reconcile.report_pacing import ReportPacing
from services.deployer.state.progress_report import ProgressReport
from shared.events import Phase, ResourceState

START = datetime(2026, 1, 1, tzinfo=UTC)


def report(
    replicas: str = "0/4", status: str = "Progressing", phase: Phase = Phase.SCALING_SERVICES, *problems: str
) -> ProgressReport:
    resources = (ResourceState(type="Deployment", name="tts", status=status, replicas=replicas),)
    return ProgressReport(phase, 65, f"tts {replicas}", resources, frozenset(problems))


def due_after(pacing: ReportPacing, wanted: ProgressReport, at_work: int = 1) -> float:
    """Seconds from the last report until `wanted` is due."""
    for tenths in range(1000):
        if pacing.is_due(wanted, START + timedelta(seconds=tenths / 10), at_work):
            return tenths / 10
    raise AssertionError("never due")


def test_a_new_phase_is_due_at_once() -> None:
    pacing = ReportPacing(report(), START)
    assert due_after(pacing, report(phase=Phase.WAITING_HEALTHY), at_work=1000) == 0


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        (report("1/4"), 10.0),
        (report("4/4", "Available"), 4.0),
        (report("0/4", "Failed"), 4.0),
        (report("0/4", "Progressing", Phase.SCALING_SERVICES, "Deployment tts: ImagePullBackOff"), 1.0),
    ],
)
def test_the_pause_depends_on_what_changed(wanted: ProgressReport, seconds: float) -> None:
    assert due_after(ReportPacing(report(), START), wanted) == seconds


def test_a_service_that_is_no_longer_available_is_reported_as_soon_as_one_that_became_so() -> None:
    pacing = ReportPacing(report("4/4", "Available"), START)
    assert due_after(pacing, report("3/4", "Progressing")) == 4.0


def test_a_problem_that_comes_and_goes_is_news_once() -> None:
    pull, backoff = ("Deployment tts: ErrImagePull", "Deployment tts: ImagePullBackOff")
    pacing = ReportPacing(report(), START)
    for problem in (pull, backoff):
        pacing.note(report("0/4", "Progressing", Phase.SCALING_SERVICES, problem), START)
    assert due_after(pacing, report("0/4", "Progressing", Phase.SCALING_SERVICES, pull)) == 10.0


@pytest.mark.parametrize(("at_work", "seconds"), [(1, 4.0), (8, 4.0), (16, 8.0), (64, 20.0)])
def test_many_tenants_at_work_share_the_events_of_a_few(at_work: int, seconds: float) -> None:
    assert due_after(ReportPacing(report(), START), report("4/4", "Available"), at_work) == seconds


def test_a_clock_that_was_set_back_does_not_silence_a_deployment() -> None:
    pacing = ReportPacing(report(), START)
    assert pacing.is_due(report("1/4"), START - timedelta(hours=1), 1)

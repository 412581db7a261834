"""When progress is worth an event. Pure; the time is given.

    at once            a new phase
    1 s after the last a pod has a problem that it didn't have
    4 s                an object has become available or failed, or is no longer
    10 s               other changes: ready replicas, percentages, which objects the message names

Each event is written into the record, published, projected into rows and sent to every client that follows. So pauses
grow with the number of tenants that this replica works on: together they publish about as many as `_FEW` of them.
"""

from datetime import datetime, timedelta

from services.deployer.state.progress_report import ProgressReport

_PROBLEM, _OUTCOME, _OTHER = timedelta(seconds=1), timedelta(seconds=4), timedelta(seconds=10)
_FEW = 8
"""Tenants at work up to which the pauses stay as they are."""
_MOST = timedelta(seconds=20)
"""The longest pause, with however many tenants at work: a client that follows one should see that it goes on."""
_UNDERWAY = frozenset({"Pending", "Progressing"})
"""States of an object from which it goes on by itself."""


class ReportPacing:
    """What was reported of one attempt, and when."""

    def __init__(self, started: ProgressReport, now: datetime) -> None:
        """`started` is what was reported last, and counts as reported `now`."""
        self._last = started
        self._last_at = now
        self._known_problems: set[str] = set()

    def is_due(self, report: ProgressReport, now: datetime, at_work: int) -> bool:
        """Whether to publish `report`, with `at_work` tenants at work in this replica."""
        if report.phase is not self._last.phase:
            return True
        pause = min(self._pause(report) * max(1.0, at_work / _FEW), _MOST)
        return abs(now - self._last_at) >= pause

    def note(self, report: ProgressReport, now: datetime) -> None:
        """Note that `report` was published."""
        self._last, self._last_at = report, now
        self._known_problems |= report.problems

    def _pause(self, report: ProgressReport) -> timedelta:
        # A problem that comes and goes, such as ErrImagePull and ImagePullBackOff in turn, is news only once.
        if report.problems - self._known_problems:
            return _PROBLEM
        return _OUTCOME if _outcomes(report) != _outcomes(self._last) else _OTHER


def _outcomes(report: ProgressReport) -> set[tuple[str, str, str]]:
    return {(each.type, each.name, each.status) for each in report.resources if each.status not in _UNDERWAY}

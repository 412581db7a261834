"""The progress of a deployment, in percent and as a message. Pure.

    10 creating-namespace   20 creating-configuration   30 creating-services
    65 scaling-services     95 waiting-healthy         100 done

Below 10 lie sizing and rendering. Between 65 and 95 the ready replicas count, since starting them takes most of the
time.
"""

from collections import Counter
from collections.abc import Sequence

from services.deployer.cluster.api import ref_of
from services.deployer.cluster.manifest_objects import WORKLOADS, phase_of
from services.deployer.health.snapshot import ObjectStatus
from services.deployer.state.progress_report import INITIAL_PROGRESS, ProgressReport
from shared.events import Phase, ResourceState
from shared.kube.objects import Obj

_BOUNDS = {
    Phase.CREATING_NAMESPACE: (INITIAL_PROGRESS, 20),
    Phase.CREATING_CONFIGURATION: (20, 30),
    Phase.CREATING_SERVICES: (30, 65),
    Phase.SCALING_SERVICES: (65, 95),
    Phase.WAITING_HEALTHY: (95, 99),
}
"""The percentages at the beginning and the end of each phase."""
_NAMED_AT_MOST = 5
_NOT_APPLIED = frozenset({"Pending", "Skipped"})
"""States of objects while the manifest is applied; a workload that is applied is `Progressing`."""


class ApplyProgress:
    """The progress while a manifest is applied: which of its objects are there, by their position in it."""

    def __init__(self, objects: Sequence[Obj]) -> None:
        """`objects` are in the order of apply."""
        self._objects = objects
        self._phases = [phase_of(obj["kind"]) for obj in objects]
        self._totals = Counter(self._phases)
        self._done: Counter[Phase] = Counter()
        self._states = [_state(obj, "Pending") for obj in objects]

    def after(self, position: int, *, is_skipped: bool) -> ProgressReport:
        """The report after one more object is applied, or skipped because the cluster doesn't serve its kind."""
        obj, phase = self._objects[position], self._phases[position]
        self._done[phase] += 1
        self._states[position] = _state(obj, "Skipped" if is_skipped else _applied_state(obj))
        done = "is unknown to the cluster and skipped" if is_skipped else "is applied"
        percent = _percent(phase, self._done[phase], self._totals[phase])
        return ProgressReport(phase, percent, f"{ref_of(obj)} {done}", tuple(self._states))


def report_waiting(items: Sequence[ObjectStatus]) -> ProgressReport:
    """The report once everything is applied: by ready replicas first, then by health."""
    resources = tuple(item.state for item in items)
    workloads = [item for item in items if item.is_workload and not item.skipped]
    ready, wanted = sum(item.ready for item in workloads), sum(item.wanted for item in workloads)
    message, problems = _waiting_message(items, workloads), _problems(items)
    if ready < wanted:
        percent = _percent(Phase.SCALING_SERVICES, ready, wanted)
        return ProgressReport(Phase.SCALING_SERVICES, percent, message, resources, problems)
    done = sum(1 for item in items if item.is_done)
    percent = _percent(Phase.WAITING_HEALTHY, done, len(items))
    return ProgressReport(Phase.WAITING_HEALTHY, percent, message, resources, problems)


def report_done(items: Sequence[ObjectStatus], notes: Sequence[str]) -> ProgressReport:
    """The final report, with `notes` and the tolerated objects as notes."""
    waiting = report_waiting(items)
    warnings = [f"{item.ref} doesn't scale: {item.health.reason}" for item in items if item.tolerated]
    message = "; ".join([waiting.message, *(f"note: {each}" for each in (*notes, *warnings))])
    return ProgressReport(Phase.DONE, 100, message, waiting.resources)


def report_cancelled(last: ProgressReport, action: str, *, changed: bool) -> ProgressReport:
    """The report of a cancel at the progress of `last`, with what is left in the cluster."""
    return last._replace(message=_cancelled_message(last, action) if changed else "cancelled before anything changed")


def describe(item: ObjectStatus) -> str:
    """What an object waits for: `tts 1/4 (ContainerCreating)`."""
    if not item.is_workload:
        return f"{item.ref} ({item.health.reason})"
    troubled = next((pod for pod in item.unready if pod.problem), None)
    pod = troubled or next(iter(item.unready), None)
    reason = (pod.problem.reason if pod.problem else pod.state) if pod else item.health.reason
    return f"{item.ref.name} {item.ready}/{item.wanted} ({reason})"


def listed(texts: Sequence[str]) -> str:
    """The first few of `texts`, and how many more there are."""
    more = len(texts) - _NAMED_AT_MOST
    return ", ".join(texts[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _cancelled_message(last: ProgressReport, action: str) -> str:
    states = last.resources
    if action == "stop":
        stopped = sum(1 for each in states if each.status == "Stopped")
        return f"cancelled; {stopped} of {len(states)} workloads are stopped, and a start brings them back"
    if not states:
        return "cancelled; what was applied stays"
    is_applied = last.phase in (Phase.SCALING_SERVICES, Phase.WAITING_HEALTHY)
    applied = [f"{each.type} {each.name}" for each in states if is_applied or each.status not in _NOT_APPLIED]
    return f"cancelled; {len(applied)} of {len(states)} objects are applied and stay: {listed(applied)}"


def _problems(items: Sequence[ObjectStatus]) -> frozenset[str]:
    return frozenset(f"{item.ref}: {pod.problem.reason}" for item in items for pod in item.unready if pod.problem)


def _waiting_message(items: Sequence[ObjectStatus], workloads: Sequence[ObjectStatus]) -> str:
    done = f"{sum(1 for item in workloads if item.is_done)} of {len(workloads)} workloads are available"
    open_items = [describe(item) for item in items if not item.is_done]
    return f"{done}; waiting for {listed(open_items)}" if open_items else done


def _state(obj: Obj, status: str) -> ResourceState:
    return ResourceState(type=obj["kind"], name=obj["metadata"]["name"], status=status)


def _applied_state(obj: Obj) -> str:
    """An object's state before any health is known: starting pods takes longer than applying."""
    return "Progressing" if obj["kind"] in WORKLOADS else "Active"


def _percent(phase: Phase, done: int, total: int) -> int:
    low, high = _BOUNDS[phase]
    return low + (high - low) * min(done, total) // max(total, 1)
